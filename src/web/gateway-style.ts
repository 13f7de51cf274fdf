// SPDX-License-Identifier: AGPL-3.0-or-later
/** What the pages of the gateway look like beyond the tokens and cards of every page. */
export const GATEWAY_STYLE = `
.narrow{max-width:50rem}
h1{font-size:1.5rem;line-height:1.25;letter-spacing:-.02em;text-wrap:balance}
.intro p{color:var(--soft);margin-top:.5rem;max-width:38rem}
.name{overflow-wrap:anywhere;margin-bottom:.5rem;font-size:1.3rem}
.rows{list-style:none;padding:0;margin:0 -.75rem -.5rem}
.rows li{display:flex;align-items:stretch;border-top:1px solid var(--line)}
.rows li:first-child{border-top:0}
.row{flex:1;min-width:0;display:flex;gap:.85rem;align-items:center;padding:.7rem .75rem;
min-height:3.5rem;color:var(--ink);text-decoration:none;border-radius:.75rem}
.row:hover{background:var(--accent-soft)}
.row:hover .title{text-decoration:underline;text-underline-offset:.2em}
.what{min-width:0;display:grid}.title{font-weight:600;overflow-wrap:anywhere}
.icon,.save{flex:none;display:grid;place-items:center;color:var(--accent)}
.icon{width:2.5rem;height:2.5rem;border-radius:.75rem;background:var(--accent-soft)}
.icon svg,.save svg{width:1.4rem;height:1.4rem;fill:none;stroke:currentColor;stroke-width:1.7;
stroke-linecap:round;stroke-linejoin:round}
.of-folder svg path{fill:currentColor;fill-opacity:.25}
.save{width:3rem;border-radius:.75rem;padding:0}.save:hover{background:var(--accent-soft)}
.trail{padding:0 .25rem .75rem}.trail ol{list-style:none;margin:0;padding:0;display:flex;flex-wrap:wrap}
.trail li{max-width:100%;overflow-wrap:anywhere;color:var(--soft)}
.trail a{padding:0}.trail li+li::before{content:"/";padding:0 .5rem;color:var(--soft)}
.paging{display:flex;justify-content:space-between;gap:1rem;margin-top:1.25rem;padding-top:.75rem;
border-top:1px solid var(--line)}
.paging a{padding:.5rem 0}
.about h2{font-size:.9rem;margin-bottom:.25rem;color:var(--soft);font-weight:500}
.about .full{overflow-wrap:anywhere;color:var(--ink)}.about .sub{margin-top:.25rem}
.problem{padding:2rem 1.5rem}.problem p{margin-top:.6rem;max-width:38rem;overflow-wrap:anywhere}
.problem .number{margin:0 0 .25rem;color:var(--look);font-weight:700;font-variant-numeric:tabular-nums}
@media (min-width:48rem){h1{font-size:1.8rem}.name{font-size:1.5rem}}
@media (forced-colors:active){.icon{border:1px solid}}
`.trimEnd()
