// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * `npm run demo`: a neighbourhood of six real nodes on this machine, in a minute. Started by
 * `tools/launcher.mjs`, which says how a built node is started.
 */
import { statSync } from 'node:fs'
import { dirname, join } from 'node:path'

import type { Placed } from './content.ts'
import { type Ending, waitForEnding } from './ending.ts'
import { type Built, Neighbourhood, removeLeftovers } from './neighbourhood.ts'
import { cableCommand } from './network.ts'
import { nameOf, type PlaceId, SEGMENTS } from './plan.ts'
import { openStage, type Stage } from './stage.ts'
import * as words from './words.ts'

const EXIT_FAILED = 1
const EXIT_USAGE = 2

async function main(args: readonly string[]): Promise<number> {
  if (args.includes('--help')) return say(words.USAGE)
  const unknown = args.find((arg) => arg !== '--loopback')
  const built = builtProgram()
  if (unknown !== undefined || built === undefined) {
    console.error(unknown === undefined ? 'Start the demo with: npm run demo' : words.USAGE)
    return EXIT_USAGE
  }
  // Signals are heard from the first instant on: there is always something to remove.
  const ending = waitForEnding()
  const stage = await openStage(args.includes('--loopback') ? 'loopback' : 'best')
  try {
    return await play(stage, built, ending)
  } finally {
    await stage.close()
  }
}

async function play(stage: Stage, built: Built, ending: Ending): Promise<number> {
  const neighbourhood = new Neighbourhood(stage, built)
  let exitCode = 0
  try {
    const removedCount = await removeLeftovers(stage)
    if (removedCount > 0) say(words.leftoversWords(removedCount))
    await open(neighbourhood, stage, ending)
    await ending.asked
    say('\nEnding: stopping the nodes and removing everything…')
  } catch (error) {
    if (!ending.signal.aborted) {
      exitCode = EXIT_FAILED
      console.error(`The demo cannot go on: ${messageOf(error)}`)
    }
  }
  const problems = await neighbourhood.close(ending.hurry)
  for (const problem of problems) console.error(`Something is left: ${messageOf(problem)}`)
  if (problems.length > 0) return EXIT_FAILED
  if (exitCode === 0) say('Nothing of it is left.')
  return exitCode
}

/** From nothing to the address. */
async function open(
  neighbourhood: Neighbourhood,
  stage: Stage,
  { signal, endBecause }: Ending,
): Promise<void> {
  say('A neighbourhood of six nodes, on this machine alone: nothing of it leaves the machine.')
  await neighbourhood.prepare(signal)
  for (const line of words.linksWords(neighbourhood.links)) say(line)
  say(`Starting the nodes, in the city ${neighbourhood.city}…`)
  const onEnded: Parameters<Neighbourhood['start']>[0] = (node) => {
    const { place, end = '', lastWords } = node
    if (signal.aborted) return
    console.error(words.nodeEndedWords({ name: place.name, end, lastWords }))
    const isLast = neighbourhood.nodes.every((one) => one.end !== undefined)
    if (isLast) endBecause(new Error('all nodes have ended by themselves'))
  }
  await neighbourhood.start(onEnded, signal)
  const placed = await neighbourhood.furnish(signal)
  const met = await neighbourhood.meet(signal)
  const pages = await pagesOf(neighbourhood, signal)
  const nodes = neighbourhood.nodes.map(({ place }) => ({
    place,
    address: pages.get(place.id) ?? '',
    hears: (met.get(place.id) ?? []).map(nameOf),
    placed: placed.get(place.id) ?? [],
  }))
  for (const line of words.nodesWords(nodes, neighbourhood.links)) say(line)
  const what = suggestions(neighbourhood, stage, {
    placed,
    firstAddress: pages.get('bakery') ?? '',
  })
  for (const line of words.suggestionWords(what)) say(line)
}

/**
 * Where each page is. On a terminal with the owner's token, so that everything can be tried; in a
 * file it would lie about.
 */
async function pagesOf(
  neighbourhood: Neighbourhood,
  signal: AbortSignal,
): Promise<ReadonlyMap<PlaceId, string>> {
  const pages = neighbourhood.nodes.map(async ({ place, client }) => {
    const page = addressOf(neighbourhood.portsOf(place.id).status)
    if (process.stdout.isTTY !== true) return [place.id, page] as const
    const [link = page] = await client.ownerLinks(signal)
    return [place.id, `${page}${new URL(link).hash}`] as const
  })
  return new Map(await Promise.all(pages))
}

/** The film goes the whole way, from the far end of the neighbourhood to the other. */
function suggestions(
  neighbourhood: Neighbourhood,
  stage: Stage,
  shown: { placed: ReadonlyMap<PlaceId, readonly Placed[]>; firstAddress: string },
): words.Suggestions {
  const [film] = shown.placed.get('boathouse') ?? []
  if (film === undefined) throw new Error('the Boathouse has no film')
  const { cid } = film.item
  const { gateway } = neighbourhood.portsOf('bakery')
  const { folder } = neighbourhood.nodeOf('bakery')
  // Among what is removed at the end.
  const file = `-o ${join(folder, film.piece.file)}`
  const street = SEGMENTS.find(({ id }) => id === 'street')
  const cable = (state: 'up' | 'down', segment: (typeof SEGMENTS)[number]) =>
    stage.typed(cableCommand(neighbourhood.id, { place: 'bakery', segment }, state))
  return {
    firstAddress: shown.firstAddress,
    fetch: {
      title: film.piece.title,
      from: nameOf('boathouse'),
      to: nameOf('bakery'),
      command: `${stage.sudo}npm run citynode -- --data ${folder} get --public ${cid} ${file}`,
      address: `${addressOf(gateway)}ipfs/${cid}`,
    },
    cable:
      stage.kind === 'loopback' || street === undefined
        ? undefined
        : { name: nameOf('bakery'), pull: cable('down', street), plug: cable('up', street) },
  }
}

function addressOf(port: number): string {
  return `http://127.0.0.1:${port}/`
}

/** As the launcher tells it; undefined when it was not the launcher that started us. */
function builtProgram(): Built | undefined {
  const { CITYNODE_COMMAND, CITYNODE_ENVIRONMENT = '{}', ...environment } = process.env
  if (CITYNODE_COMMAND === undefined) return undefined
  const command: unknown = JSON.parse(CITYNODE_COMMAND)
  const more: unknown = JSON.parse(CITYNODE_ENVIRONMENT)
  const isCommand = Array.isArray(command) && command.every((one) => typeof one === 'string')
  if (!isCommand || typeof more !== 'object') return undefined
  return { command, environment: { ...more, ...environment, ...withoutTraces(command) } }
}

/** Under sudo, what V8 keeps of the program would be root's, in somebody's folder. */
function withoutTraces([node = '']: readonly string[]): NodeJS.ProcessEnv {
  const isOthers = process.getuid?.() === 0 && statSync(dirname(node)).uid !== 0
  return isOthers ? { NODE_DISABLE_COMPILE_CACHE: '1' } : {}
}

function say(line: string): 0 {
  console.log(line)
  return 0
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

process.exitCode = await main(process.argv.slice(2))
