// SPDX-License-Identifier: AGPL-3.0-or-later
/** The drawing of the demo: six roofs at dusk and the links between them, as SVG, for any instant. */

/** Roof tops, from left to right, in units of the drawing, and which of them hear each other. */
const ROOFS = [
  { x: 60, y: 200, width: 100, colour: '#5b3a4f' },
  { x: 175, y: 172, width: 84, colour: '#46344f' },
  { x: 285, y: 205, width: 110, colour: '#6a4050' },
  { x: 405, y: 160, width: 78, colour: '#3f3350' },
  { x: 500, y: 192, width: 96, colour: '#59394c' },
  { x: 600, y: 222, width: 74, colour: '#4a3550' },
] as const
const LINKS = [
  [0, 1],
  [1, 2],
  [0, 2],
  [2, 3],
  [3, 4],
  [4, 5],
] as const
export const SCENE = { width: 640, height: 360 } as const

/**
 * @param instant 0 (the sun has just gone) to 1 (everybody has found everybody).
 * @param phase of what travels along the links, 0 to 1.
 */
export function drawScene(instant: number, phase: number): string {
  const { width, height } = SCENE
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img">`,
    '<title>A mesh over the roofs at dusk</title>',
    sky(instant),
    ...ROOFS.map((roof, index) => house(roof, isOn(instant, index))),
    ...LINKS.map((link, index) => drawLink(link, between(instant, 0.3 + index * 0.1), phase)),
    ...ROOFS.map((roof, index) => lamp(roof, isOn(instant, index))),
    '</svg>',
    '',
  ].join('\n')
}

/** How far something that begins at `start` has come: 0 to 1. */
function between(instant: number, start: number): number {
  return Math.min(1, Math.max(0, (instant - start) / 0.1))
}

function isOn(instant: number, index: number): number {
  return between(instant, 0.05 + index * 0.1)
}

function sky(instant: number): string {
  const { width, height } = SCENE
  const [top, middle, low] = [mix(92, 20, instant), mix(120, 44, instant), mix(236, 150, instant)]
  const stars = Array.from({ length: 40 }, (_, index) => {
    const [x, y] = [(index * 197) % width, (index * 89) % 150]
    const opacity = (instant * (0.3 + ((index * 7) % 6) / 10)).toFixed(2)
    return `<circle cx="${x}" cy="${y}" r="0.9" fill="#fff" opacity="${opacity}"/>`
  })
  return [
    '<defs><linearGradient id="sky" x1="0" y1="0" x2="0" y2="1">',
    `<stop offset="0" stop-color="rgb(${top - 12},${top},${top + 40})"/>`,
    `<stop offset="0.55" stop-color="rgb(${middle + 30},${middle - 10},${middle + 20})"/>`,
    `<stop offset="0.9" stop-color="rgb(${low},${low - 90},${low - 130 > 0 ? low - 130 : 20})"/>`,
    '</linearGradient></defs>',
    `<rect width="${width}" height="${height}" fill="url(#sky)"/>`,
    ...stars,
    '<circle cx="548" cy="62" r="20" fill="#f6ead0"/>',
    '<path d="M0 262 Q120 214 260 252 T520 240 T640 256 V360 H0Z" fill="#2d2440"/>',
  ].join('')
}

function mix(from: number, to: number, share: number): number {
  return Math.round(from + (to - from) * share)
}

type Roof = (typeof ROOFS)[number]

function house({ x, y, width, colour }: Roof, lit: number): string {
  const [left, right, wall] = [x - width / 2, x + width / 2, y + 34]
  const glass = `rgb(${mix(38, 255, lit)},${mix(32, 208, lit)},${mix(54, 122, lit)})`
  const columns = width > 90 ? 3 : 2
  const windows = Array.from({ length: columns * 3 }, (_, index) => {
    const [column, row] = [index % columns, Math.floor(index / columns)]
    const at = left + (width / (columns + 1)) * (column + 1) - 6
    return `<rect x="${at.toFixed(1)}" y="${wall + 12 + row * 30}" width="12" height="17" rx="1"/>`
  })
  return [
    `<rect x="${left}" y="${wall}" width="${width}" height="${SCENE.height - wall}" fill="${colour}"/>`,
    `<path d="M${left - 6} ${wall} L${x} ${y} L${right + 6} ${wall}Z" fill="#241c33"/>`,
    `<path d="M${x} ${y} V${y - 22} M${x - 7} ${y - 18} H${x + 7}" stroke="#1b1528" stroke-width="2"/>`,
    `<g fill="${glass}">${windows.join('')}</g>`,
  ].join('')
}

function lamp({ x, y }: Roof, lit: number): string {
  const glow = `<circle cx="${x}" cy="${y - 24}" r="9" fill="#8ef0c0" opacity="${(lit * 0.25).toFixed(2)}"/>`
  return `${glow}<circle cx="${x}" cy="${y - 24}" r="3.4" fill="#8ef0c0" opacity="${lit.toFixed(2)}"/>`
}

/** An arc from roof to roof, and three sparks on it. */
function drawLink([from, to]: (typeof LINKS)[number], shown: number, phase: number): string {
  const [a, b] = [ROOFS[from], ROOFS[to]]
  const [x1, y1, x2, y2] = [a.x, a.y - 24, b.x, b.y - 24]
  const [cx, cy] = [(x1 + x2) / 2, Math.min(y1, y2) - 12 - Math.abs(x2 - x1) / 5]
  const sparks = [0, 1 / 3, 2 / 3].map((offset) => {
    const t = (phase + offset) % 1
    const x = (1 - t) ** 2 * x1 + 2 * t * (1 - t) * cx + t ** 2 * x2
    const y = (1 - t) ** 2 * y1 + 2 * t * (1 - t) * cy + t ** 2 * y2
    return `<circle cx="${x.toFixed(1)}" cy="${y.toFixed(1)}" r="1.9" fill="#fff"/>`
  })
  const arc = `M${x1} ${y1} Q${cx.toFixed(1)} ${cy.toFixed(1)} ${x2} ${y2}`
  const line = `<path d="${arc}" fill="none" stroke="#8ef0c0" stroke-width="1.6" stroke-dasharray="4 4"/>`
  return `<g opacity="${shown.toFixed(2)}">${line}${sparks.join('')}</g>`
}
