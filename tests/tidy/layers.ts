// SPDX-License-Identifier: AGPL-3.0-or-later
/** Who may import whom: ranks, front doors, and one door per third party. */
import { builtinModules } from 'node:module'
import { posix } from 'node:path'
import { importsOf, type SourceFile, type Violation } from './source.ts'

/** Imports point to a lower number; equals do not see each other. */
const RANKS: Readonly<Record<string, number>> = {
  base: 0,
  system: 1,
  identity: 2,
  store: 2,
  radio: 2,
  net: 3,
  topology: 4,
  access: 5,
  content: 6,
  names: 7,
  index: 7,
  update: 7,
  compute: 8,
  services: 9,
  contract: 10,
  api: 11,
  web: 12,
  cli: 12,
  node: 13,
}

/** Clients of the contract: what they can do, anybody's client could. */
const ROOM_SEES_ONLY: Readonly<Record<string, readonly string[]>> = {
  contract: ['base'],
  web: ['contract', 'base'],
  cli: ['contract', 'base'],
}

/** Rooms that also run in a browser. */
const BROWSER_ROOMS = ['base', 'contract']

/** A folder of a room that runs in a browser alone: it sees no Node and nothing of its own room. */
const BROWSER_FOLDER = { room: 'web', folder: 'page' }

/** A third party (a name, or a scope ending in a slash) and the rooms that may import it. */
const DOORS: readonly (readonly [string, readonly string[]])[] = [
  ['libp2p', ['net']],
  ['@libp2p/', ['net']],
  ['@multiformats/multiaddr', ['net']],
  ['@peculiar/x509', ['net']],
  // The events of libp2p's connections.
  ['main-event', ['net']],
  ['better-sqlite3', ['store']],
  ['fastify', ['api']],
  ['@fastify/', ['api']],
  ['systeminformation', ['system']],
  ['pino', ['system']],
  ['prom-client', ['system']],
  ['commander', ['cli']],
  ['preact', ['web']],
  ['uplot', ['web']],
  // QR codes.
  ['uqr', ['web']],
  // The list of recovery words and their checksum.
  ['@scure/bip39', ['identity']],
  ['smol-toml', ['node']],
  // BLAKE3, which deny lists may use and node:crypto does not know.
  ['@noble/hashes', ['content']],
  ['node:child_process', ['system']],
  ['node:dgram', ['net']],
  ['node:https', ['net']],
  ['node:tls', ['net']],
  ['node:timers', ['system']],
  ['node:timers/promises', ['system']],
  ['node:sqlite', []],
  ['node:cluster', []],
]

/** Words that rooms share, not machinery: data formats and schemas. */
const VOCABULARY = ['multiformats', '@ipld/dag-cbor', '@ipld/dag-pb', 'zod']

interface Place {
  room: string
  /** Folders below the room, outermost first. */
  folders: readonly string[]
  file: string
}

function placeOf(path: string): Place | undefined {
  const [top, room, ...rest] = path.split('/')
  const file = rest.pop()
  if (top !== 'src' || room === undefined || file === undefined) return undefined
  return { room, folders: rest, file }
}

function isOfBrowser({ room, folders }: Place): boolean {
  return room === BROWSER_FOLDER.room && folders[0] === BROWSER_FOLDER.folder
}

function eachImport(
  files: readonly SourceFile[],
  check: (from: Place, specifier: string, path: string) => string | undefined,
): Violation[] {
  const violations: Violation[] = []
  for (const { path, text } of files) {
    const from = placeOf(path)
    if (from === undefined) {
      violations.push({ path, line: 1, message: 'lies in no room: move it into one' })
      continue
    }
    for (const { specifier, line } of importsOf(text)) {
      const message = check(from, specifier, path)
      if (message !== undefined) violations.push({ path, line, message })
    }
  }
  return violations
}

function targetOf(path: string, specifier: string): string | undefined {
  return specifier.startsWith('.') ? posix.join(posix.dirname(path), specifier) : undefined
}

/** Ranks: imports point down, and faces see only the contract. */
export function findLayerViolations(files: readonly SourceFile[]): Violation[] {
  return eachImport(files, (from, specifier, path) => {
    const rank = RANKS[from.room]
    if (rank === undefined) return `the room ${from.room} has no rank in tests/tidy/layers.ts`
    const target = targetOf(path, specifier)
    if (target === undefined) return undefined
    const to = placeOf(target)
    if (to === undefined) {
      // The one file outside of src that the program carries with it: its own version.
      return target === 'package.json' && from.room === 'node'
        ? undefined
        : `imports ${target}, which is outside of src/`
    }
    if (to.room === from.room) {
      return isOfBrowser(from) === isOfBrowser(to)
        ? undefined
        : `imports ${target}: what runs in the browser and what runs in the node stay apart`
    }
    const targetRank = RANKS[to.room]
    if (targetRank === undefined) return `the room ${to.room} has no rank`
    if (targetRank >= rank) {
      return `${from.room} (${rank}) imports ${to.room} (${targetRank}): imports point down`
    }
    const sees = ROOM_SEES_ONLY[from.room]
    if (sees !== undefined && !sees.includes(to.room)) {
      return `${from.room} may import only ${sees.join(' and ')}, not ${to.room}`
    }
    return undefined
  })
}

/** Front doors: from outside a folder, only the file named after it is imported. */
export function findDoorViolations(files: readonly SourceFile[]): Violation[] {
  const violations = eachImport(files, (from, specifier, path) => {
    const target = targetOf(path, specifier)
    const to = target === undefined ? undefined : placeOf(target)
    if (to === undefined) return undefined
    const here = [from.room, ...from.folders]
    const there = [to.room, ...to.folders]
    const shared = there.findIndex((folder, depth) => folder !== here[depth])
    // Nothing of the target lies outside of where we are: a sibling or something further out.
    if (shared === -1) return undefined
    // The outermost folder that we are not in is the one whose door we stand before.
    const door = there[shared]
    const isDoor = shared === there.length - 1 && to.file === `${door}.ts`
    const doorPath = `src/${there.slice(0, shared + 1).join('/')}/${door}.ts`
    return isDoor ? undefined : `imports ${target}: only its front door ${doorPath} is for others`
  })
  return [...violations, ...findMissingDoors(files)]
}

function findMissingDoors(files: readonly SourceFile[]): Violation[] {
  const paths = new Set(files.map(({ path }) => path))
  const rooms = new Set(files.map(({ path }) => path.split('/').slice(0, 2).join('/')))
  return [...rooms].flatMap((room) => {
    const door = `${room}/${posix.basename(room)}.ts`
    // node/ is what starts, nobody imports it.
    if (room === 'src/node' || room.endsWith('.ts') || paths.has(door)) return []
    return [{ path: door, line: 1, message: 'is missing: every room has a front door' }]
  })
}

/** Third parties: each has one door, and what has none is not used. */
export function findThirdPartyViolations(files: readonly SourceFile[]): Violation[] {
  return eachImport(files, (from, specifier) => {
    if (specifier.startsWith('.')) return undefined
    const isBuiltin = specifier.startsWith('node:') || builtinModules.includes(specifier)
    const name = isBuiltin ? specifier : packageOf(specifier)
    if (isBuiltin && (BROWSER_ROOMS.includes(from.room) || isOfBrowser(from))) {
      return `${from.room} also runs in a browser: it cannot import ${specifier}`
    }
    const door = DOORS.find(([party]) =>
      party.endsWith('/') ? name.startsWith(party) : name === party,
    )
    if (door !== undefined) {
      const [party, rooms] = door
      if (rooms.includes(from.room)) return undefined
      return rooms.length === 0
        ? `${party} is not used in this project`
        : `only ${rooms.join(', ')} may import ${party}`
    }
    if (isBuiltin || VOCABULARY.includes(name)) return undefined
    return `${name} has no door in tests/tidy/layers.ts: which room owns it, and why do we need it?`
  })
}

/** `@libp2p/tcp/x` is of the package `@libp2p/tcp`. */
export function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
}
