"""What exists, which version, and is it intact: names, versions and bytes, nothing about atoms."""
