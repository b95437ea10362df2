// The periodic table: symbol, name, row and column of every element.
"use strict";
(() => {
  const rows = [
    "H Hydrogen 1|He Helium 18",
    "Li Lithium 1|Be Beryllium 2|B Boron 13|C Carbon 14|N Nitrogen 15|O Oxygen 16|F Fluorine 17|Ne Neon 18",
    "Na Sodium 1|Mg Magnesium 2|Al Aluminium 13|Si Silicon 14|P Phosphorus 15|S Sulfur 16|Cl Chlorine 17|Ar Argon 18",
    "K Potassium 1|Ca Calcium 2|Sc Scandium 3|Ti Titanium 4|V Vanadium 5|Cr Chromium 6|Mn Manganese 7|Fe Iron 8|Co Cobalt 9|Ni Nickel 10|Cu Copper 11|Zn Zinc 12|Ga Gallium 13|Ge Germanium 14|As Arsenic 15|Se Selenium 16|Br Bromine 17|Kr Krypton 18",
    "Rb Rubidium 1|Sr Strontium 2|Y Yttrium 3|Zr Zirconium 4|Nb Niobium 5|Mo Molybdenum 6|Tc Technetium 7|Ru Ruthenium 8|Rh Rhodium 9|Pd Palladium 10|Ag Silver 11|Cd Cadmium 12|In Indium 13|Sn Tin 14|Sb Antimony 15|Te Tellurium 16|I Iodine 17|Xe Xenon 18",
    "Cs Caesium 1|Ba Barium 2|Lu Lutetium 3|Hf Hafnium 4|Ta Tantalum 5|W Tungsten 6|Re Rhenium 7|Os Osmium 8|Ir Iridium 9|Pt Platinum 10|Au Gold 11|Hg Mercury 12|Tl Thallium 13|Pb Lead 14|Bi Bismuth 15|Po Polonium 16|At Astatine 17|Rn Radon 18",
    "Fr Francium 1|Ra Radium 2|Lr Lawrencium 3|Rf Rutherfordium 4|Db Dubnium 5|Sg Seaborgium 6|Bh Bohrium 7|Hs Hassium 8|Mt Meitnerium 9|Ds Darmstadtium 10|Rg Roentgenium 11|Cn Copernicium 12|Nh Nihonium 13|Fl Flerovium 14|Mc Moscovium 15|Lv Livermorium 16|Ts Tennessine 17|Og Oganesson 18",
    "",
    "La Lanthanum 4|Ce Cerium 5|Pr Praseodymium 6|Nd Neodymium 7|Pm Promethium 8|Sm Samarium 9|Eu Europium 10|Gd Gadolinium 11|Tb Terbium 12|Dy Dysprosium 13|Ho Holmium 14|Er Erbium 15|Tm Thulium 16|Yb Ytterbium 17",
    "Ac Actinium 4|Th Thorium 5|Pa Protactinium 6|U Uranium 7|Np Neptunium 8|Pu Plutonium 9|Am Americium 10|Cm Curium 11|Bk Berkelium 12|Cf Californium 13|Es Einsteinium 14|Fm Fermium 15|Md Mendelevium 16|No Nobelium 17",
  ];
  window.hubElements = rows.flatMap((row, index) =>
    row.split("|").filter(Boolean).map((text) => {
      const [symbol, name, column] = text.split(" ");
      return { symbol, name, row: index + 1, column: Number(column) };
    }));
})();
