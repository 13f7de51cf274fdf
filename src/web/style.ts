// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * The page's looks. Tokens first, light and dark; text on every ground has a contrast of at least
 * 4.5 to 1. Phone first: the table of neighbours is cards until there is room for columns.
 */
export const STYLE = `
:root{color-scheme:light dark;
--ground:#f5f2ec;--card:#fffdf9;--line:#e3ddd0;--ink:#22251f;--soft:#5e6358;
--accent:#1e6b4f;--accent-soft:#dcebe1;--on-accent:#ffffff;
--ok:#1e6b4f;--ok-ground:#dfeee3;--look:#7d4f00;--look-ground:#fbebcb;--help:#a3262a;--help-ground:#fae0dd;
--shadow:0 1px 2px #2b26180f,0 6px 20px -8px #2b26181f;
--step:.5rem;--round:1rem}
@media (prefers-color-scheme:dark){:root{
--ground:#141714;--card:#1d211d;--line:#333a33;--ink:#eceee6;--soft:#a8b0a3;
--accent:#7fd0aa;--accent-soft:#223b30;--on-accent:#0e1f17;
--ok:#8fdbb5;--ok-ground:#1c3428;--look:#f0c673;--look-ground:#392c12;--help:#ff9d94;--help-ground:#41201f;
--shadow:none}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0;background:var(--ground);color:var(--ink);
font:1rem/1.5 ui-rounded,"SF Pro Rounded","Segoe UI",system-ui,Cantarell,Ubuntu,"Noto Sans",sans-serif}
.wrap{max-width:66rem;margin:0 auto;padding:calc(var(--step)*2)}
header{display:flex;justify-content:space-between;align-items:baseline;gap:1rem;padding:.25rem .25rem .75rem}
.brand{font-weight:700;letter-spacing:-.01em;color:var(--accent)}
.place{color:var(--soft);overflow-wrap:anywhere;text-align:right}
h1,h2,h3,p,ul,dl,dd{margin:0}
.card{background:var(--card);border:1px solid var(--line);border-radius:var(--round);
box-shadow:var(--shadow);padding:1.25rem;margin-bottom:1rem}
h2{font-size:1.1rem;line-height:1.3;letter-spacing:-.01em;margin-bottom:.75rem}
.hero{display:grid;gap:1rem;align-items:center;padding:1.5rem 1.25rem}
.verdict{display:flex;gap:1rem;align-items:flex-start}
.verdict h1{font-size:1.6rem;line-height:1.2;letter-spacing:-.02em;text-wrap:balance}
.verdict p{color:var(--soft);font-size:1.1rem;margin-top:.35rem}
.badge{flex:none;width:3rem;height:3rem;border-radius:50%;display:grid;place-items:center}
.badge svg{width:1.6rem;height:1.6rem;fill:none;stroke:currentColor;stroke-width:2.6;
stroke-linecap:round;stroke-linejoin:round}
.ok .badge{background:var(--ok-ground);color:var(--ok)}
.degraded .badge{background:var(--look-ground);color:var(--look)}
.failed .badge{background:var(--help-ground);color:var(--help)}
.sketch{width:100%;max-width:20rem;margin:0 auto;display:block}
.orbit{fill:none;stroke:var(--line);stroke-width:1.5;stroke-dasharray:2 7;stroke-linecap:round}
.self{fill:var(--accent)}.self-halo{fill:var(--accent-soft)}
.self-mark{fill:none;stroke:var(--on-accent);stroke-width:2;stroke-linecap:round;stroke-linejoin:round}
.link{stroke:var(--accent);stroke-width:2.5;stroke-linecap:round}
.link-strong{stroke-width:4.5}.link-fair{stroke:var(--look);stroke-dasharray:9 7}
.link-weak{stroke:var(--help);stroke-dasharray:1 8}.link-measuring{stroke:var(--soft);stroke-width:1.5}
.other{fill:var(--card);stroke:var(--accent);stroke-width:3}
.other-fair{stroke:var(--look)}.other-weak{stroke:var(--help)}.other-measuring{stroke:var(--soft)}
.other-name{fill:var(--soft);paint-order:stroke;stroke:var(--card);stroke-width:5px;stroke-linejoin:round;font-size:11.5px;font-family:ui-monospace,Menlo,Consolas,monospace}
.notes ul{list-style:none;padding:0;display:grid;gap:.75rem}
.note{border-radius:.75rem;padding:.9rem 1rem;background:var(--accent-soft)}
.note.warning{background:var(--look-ground)}.note.error{background:var(--help-ground)}
.note strong{display:block;font-size:.9rem;color:var(--accent)}
.note.warning strong{color:var(--look)}.note.error strong{color:var(--help)}
.note p+p{margin-top:.35rem}.note,.note p{overflow-wrap:anywhere}
.empty{display:grid;gap:.6rem}.empty ul{padding-left:1.2rem;color:var(--soft);display:grid;gap:.35rem}
.empty p{font-size:1.05rem}
table{width:100%;border-collapse:collapse;display:block}
thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
tbody{display:grid;gap:.75rem}
tbody tr{display:grid;grid-template-columns:1fr 1fr;gap:.6rem 1rem;border:1px solid var(--line);
border-radius:.75rem;padding:.9rem 1rem}
tbody th,tbody td{padding:0;text-align:left;font-weight:400;min-width:0;overflow-wrap:anywhere}
tbody th{grid-column:1/-1}
tbody td::before{content:attr(data-label);display:block;color:var(--soft);font-size:.85rem}
.who{display:flex;gap:.75rem;align-items:center;justify-content:space-between}
.id{white-space:nowrap;font-family:ui-monospace,Menlo,Consolas,monospace;font-weight:600;font-size:.98em}
.sub{display:block;color:var(--soft);font-size:.9rem}
.figure{font-variant-numeric:tabular-nums}
.quality{display:inline-flex;gap:.5rem;align-items:center;font-weight:600;white-space:nowrap;
border-radius:2rem;padding:.2rem .75rem .2rem .6rem;background:var(--ok-ground);color:var(--ok)}
.quality svg{width:1.15rem;height:1rem;fill:currentColor}
.quality .off{opacity:.28}
.quality.fair{background:var(--look-ground);color:var(--look)}
.quality.weak{background:var(--help-ground);color:var(--help)}
.quality.measuring{background:none;color:var(--soft);box-shadow:inset 0 0 0 1px var(--line)}
dl{display:grid;gap:.9rem 1.25rem;grid-template-columns:repeat(auto-fit,minmax(8rem,1fr))}
dt{color:var(--soft);font-size:.85rem}dd{overflow-wrap:anywhere}
.wide{grid-column:1/-1}.full{font-size:.85rem;color:var(--soft);font-family:ui-monospace,Menlo,Consolas,monospace}
footer{color:var(--soft);font-size:.9rem;padding:.25rem .25rem 1.5rem;display:flex;flex-wrap:wrap;gap:.25rem 1.5rem}
a{color:var(--accent);text-underline-offset:.2em;display:inline-block;padding:.15rem 0}
a:focus-visible{outline:3px solid var(--accent);outline-offset:3px;border-radius:.25rem}
@media (min-width:48rem){dl{grid-template-columns:repeat(auto-fit,minmax(9.5rem,1fr))}
.wrap{padding:1.5rem 2rem}.card{padding:1.5rem 1.75rem;margin-bottom:1.25rem}
.sketch{max-width:25rem}.hero.drawn{grid-template-columns:1.1fr 1fr}.verdict h1{font-size:2.1rem}.badge{width:3.5rem;height:3.5rem}
table{display:table}thead{position:static;clip-path:none;display:table-header-group;width:auto;height:auto}
tbody{display:table-row-group}tbody tr{display:table-row;border:0}
tbody tr:first-child>*{border-top:1px solid var(--line)}thead th{text-align:left;font-weight:500;color:var(--soft);font-size:.85rem;padding:0 1rem .5rem 0}
tbody th,tbody td{display:table-cell;padding:.8rem 1rem .8rem 0;border-top:1px solid var(--line);vertical-align:middle}
tbody td::before{content:none}.who .quality{display:none}}
@media (max-width:47.99rem){td.verdict-cell{display:none}}
@media (forced-colors:active){.badge,.quality{border:1px solid}}
@media print{.card{box-shadow:none;break-inside:avoid}}
`.trim()
