// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * The neighbourhood of the demo, as data: six places, the segments that join them, and who has
 * what. Everything else in this folder reads it; nothing here does anything.
 *
 *     Bakery ─┐
 *     Library ┼─ street (a good wire) ─ School ~ roofs (a fair radio) ~ Roof garden
 *                                                                          │ yard (a good wire)
 *                              Boathouse ~ river (a weak radio) ~ Workshop ┘
 */

/** A node of the demo. */
export interface Place {
  /** Part of file, namespace and interface names: at most 9 letters. */
  id: PlaceId
  /** For people. */
  name: string
}

export type PlaceId = 'bakery' | 'library' | 'school' | 'garden' | 'workshop' | 'boathouse'

/** How one direction of a link is. */
export interface LinkQuality {
  delayMs: number
  jitterMs: number
  lossPercent: number
  rateMbit: number
}

/** Places that hear each other without anybody in between. */
export interface Segment {
  /** Also the name of the interface on it: at most 6 letters, see `portName`. */
  id: string
  kind: 'wire' | 'radio'
  /** For people, in the middle of a sentence. */
  words: string
  members: readonly PlaceId[]
  quality: LinkQuality
}

/** An item of the demo: what lies in `content/`, and who adds it. */
export interface Piece {
  at: PlaceId
  /** A file or folder below `content/`. */
  file: string
  title: string
  /** BCP 47; empty: it has no words. */
  language: string
  description: string
}

/** All of it was made for citynode and given away; `content/README.md` says how. */
export const LICENCE = 'CC0-1.0'

export const PLACES: readonly Place[] = [
  { id: 'bakery', name: 'Bakery' },
  { id: 'library', name: 'Library' },
  { id: 'school', name: 'School' },
  { id: 'garden', name: 'Roof garden' },
  { id: 'workshop', name: 'Workshop' },
  { id: 'boathouse', name: 'Boathouse' },
]

export const SEGMENTS: readonly Segment[] = [
  {
    id: 'street',
    kind: 'wire',
    words: 'a good wire along the street',
    members: ['bakery', 'library', 'school'],
    quality: { delayMs: 0.3, jitterMs: 0.1, lossPercent: 0, rateMbit: 300 },
  },
  {
    id: 'roofs',
    kind: 'radio',
    words: 'a fair radio over the roofs',
    members: ['school', 'garden'],
    quality: { delayMs: 4, jitterMs: 2, lossPercent: 2, rateMbit: 30 },
  },
  {
    id: 'yard',
    kind: 'wire',
    words: 'a good wire across the yard',
    members: ['garden', 'workshop'],
    quality: { delayMs: 0.3, jitterMs: 0.1, lossPercent: 0, rateMbit: 100 },
  },
  {
    id: 'river',
    kind: 'radio',
    words: 'a weak radio across the river',
    members: ['workshop', 'boathouse'],
    quality: { delayMs: 20, jitterMs: 8, lossPercent: 8, rateMbit: 4 },
  },
]

export const PIECES: readonly Piece[] = [
  {
    at: 'bakery',
    file: 'roggenbrot.md',
    title: 'Roggenbrot für die ganze Straße',
    language: 'de',
    description: 'Ein Rezept für zwei Laibe, mit Sauerteig vom Vortag.',
  },
  {
    at: 'bakery',
    file: 'dusk.svg',
    title: 'A mesh over the roofs at dusk',
    language: 'en',
    description: 'A drawing: six roofs, and the links between them.',
  },
  {
    at: 'library',
    file: 'the-lamp-on-harbour-street.txt',
    title: 'The Lamp on Harbour Street',
    language: 'en',
    description: 'A short story about a power cut.',
  },
  {
    at: 'library',
    file: 'neighbourhood-map',
    title: 'Neighbourhood map with first-aid points',
    language: 'en',
    description: 'A small site that works without any network: open index.html.',
  },
  {
    at: 'school',
    file: 'la-antena-y-el-gorrion.txt',
    title: 'La antena y el gorrión',
    language: 'es',
    description: 'Un cuento corto para leer en voz alta.',
  },
  {
    at: 'school',
    file: 'evening-round.ogg',
    title: 'Evening Round',
    language: '',
    description: 'A short melody, computed.',
  },
  {
    at: 'garden',
    file: 'put-up-a-node.pdf',
    title: 'How to put up a node',
    language: 'en',
    description: 'Two pages to print and hang beside the roof hatch.',
  },
  {
    at: 'workshop',
    file: 'dusk.jpg',
    title: 'The same roofs, as a photograph would have them',
    language: '',
    description: 'A picture for whoever has no patience with vectors.',
  },
  {
    at: 'boathouse',
    file: 'lights-going-on.webm',
    title: 'Lights Going On',
    language: '',
    description: 'A film of ten seconds: a neighbourhood finds itself.',
  },
]

export function nameOf(place: PlaceId): string {
  return PLACES.find(({ id }) => id === place)?.name ?? place
}

/** Whom a place hears directly. */
export function neighboursOf(place: PlaceId): readonly PlaceId[] {
  const heard = segmentsOf(place).flatMap(({ members }) => members)
  return PLACES.map(({ id }) => id).filter((id) => id !== place && heard.includes(id))
}

export function segmentsOf(place: PlaceId): readonly Segment[] {
  return SEGMENTS.filter(({ members }) => members.includes(place))
}

/** The far end of a place's cable, in the namespace where all cables come together. */
export function portName(place: PlaceId, segment: Segment): string {
  return `${place}-${segment.id}`
}

/** Towards another place: the segment to leave by, and the neighbour to hand to. */
export interface Hop {
  segment: Segment
  next: PlaceId
}

/**
 * The first hop of a shortest way from one place to every other, each in turn: what a routing
 * daemon finds out in a real neighbourhood. Undefined: there is no way.
 */
export function firstHop(from: PlaceId, to: PlaceId): Hop | undefined {
  const reached = new Map<PlaceId, Hop | undefined>([[from, undefined]])
  const queue: PlaceId[] = [from]
  for (let at = queue.shift(); at !== undefined; at = queue.shift()) {
    for (const segment of segmentsOf(at)) {
      for (const next of segment.members) {
        if (reached.has(next)) continue
        reached.set(next, reached.get(at) ?? { segment, next })
        queue.push(next)
      }
    }
  }
  return reached.get(to)
}
