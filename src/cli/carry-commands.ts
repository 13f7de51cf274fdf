// SPDX-License-Identifier: AGPL-3.0-or-later
/** `export`, `import`: items in CAR files, for a stick or for other IPFS software. */
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { CodedError, formatBytes } from '../base/base.ts'
import type { Imported, ItemFacts } from '../contract/contract.ts'
import { type PartPiece, parseSize, splitCar } from './car-parts.ts'
import type { CommandContext } from './context.ts'
import { EXIT, type ExitCode } from './exit-codes.ts'
import { checkTarget, openFile } from './files.ts'
import { PART_BYTES_MIN } from './limits.ts'
import { plain } from './output.ts'
import { writeParts } from './part-files.ts'
import { ProgressBar } from './progress-bar.ts'

type Run = (make: (context: CommandContext) => Promise<ExitCode>) => Promise<void>

const STANDARD_INPUT = '-'

export function addCarryCommands(program: Command, run: Run): void {
  program
    .command('export [cids...]')
    .description('write items to a CAR file, for a stick or for other IPFS software')
    .option('--all', 'all items on this node', false)
    .option('-o, --output <file>', 'write it to this file')
    .option('--split <size>', 'in several files, each smaller than this: 4G for FAT32')
    .option('--force', 'replace files if there are any', false)
    .action((cids: string[], options: ExportOptions) =>
      run((context) => exportCommand(context, cids, options)),
    )
  program
    .command('import [files...]')
    .description('take the items of CAR files (- is standard input)')
    .option('--public', 'let other nodes have them', false)
    .action((files: string[], options: { public: boolean }) =>
      run((context) => importCommand(context, files, options)),
    )
}

interface ExportOptions {
  all: boolean
  output?: string
  split?: string
  force: boolean
}

async function exportCommand(
  context: CommandContext,
  cids: readonly string[],
  options: ExportOptions,
): Promise<ExitCode> {
  const { client, io, output } = context
  const { output: file, force: mayOverwrite } = options
  const partBytesMax = checkExport(context, cids, options)
  if (file !== undefined) await checkTarget(file, { mayOverwrite })
  const items = await itemsToExport(context, cids, options)
  noteWhatGoesOut(context, items)
  const order = options.all ? 'all' : items.map(({ cid }) => cid)
  const car = await client.exportItems(order, io.signal)
  if (file === undefined) {
    for await (const chunk of car) await output.bytes(chunk)
    return EXIT.ok
  }
  const bar = new ProgressBar(io, 'Exporting')
  let doneBytes = 0
  async function* counted(pieces: AsyncIterable<PartPiece>): AsyncGenerator<PartPiece> {
    for await (const piece of pieces) {
      doneBytes += piece.bytes.length
      bar.update(doneBytes, undefined)
      yield piece
    }
  }
  try {
    const pieces = splitCar(car, partBytesMax)
    const files = await writeParts(file, counted(pieces), { mayOverwrite })
    bar.clear()
    output.note(`Exported ${countOf(items.length, 'item')}: ${formatBytes(doneBytes)}.`)
    const paths = files.map((path) => resolve(path))
    await output.result({ items, files: paths, sizeBytes: doneBytes }, files.join('\n'))
    return EXIT.ok
  } finally {
    bar.clear()
  }
}

/** @returns how large a part may be. */
function checkExport(
  { io, output }: CommandContext,
  cids: readonly string[],
  options: ExportOptions,
): number {
  if (options.all === cids.length > 0) {
    throw new CodedError('USAGE', 'Say which items: their content ids, or --all.')
  }
  const partBytesMax =
    options.split === undefined ? Number.POSITIVE_INFINITY : parseSize(options.split) - 1
  if (partBytesMax < PART_BYTES_MIN) {
    throw new CodedError('USAGE', `Parts have at least ${formatBytes(PART_BYTES_MIN)}.`)
  }
  if (options.output !== undefined) return partBytesMax
  const advice = 'Name a file: citynode export CID -o FILE.car'
  if (options.split !== undefined) {
    throw new CodedError('USAGE', 'Only files can be split.', { advice })
  }
  if (output.isJson) {
    throw new CodedError('USAGE', 'With --json, the bytes cannot go to the output too.', { advice })
  }
  if (io.isStdoutTerminal) {
    throw new CodedError('USAGE', 'The bytes of a CAR would only disturb this terminal.', {
      advice,
    })
  }
  return partBytesMax
}

async function itemsToExport(
  { client, io, output }: CommandContext,
  cids: readonly string[],
  { all }: ExportOptions,
): Promise<ItemFacts[]> {
  if (!all) {
    const items: ItemFacts[] = []
    for (const cid of new Set(cids)) items.push(await client.item(cid, io.signal))
    return items
  }
  const items = await client.items(io.signal)
  for (const item of items) {
    if (!item.isWhole) output.note(`Left out, since parts of it are missing: ${named(item)}`)
  }
  return items.filter(({ isWhole }) => isWhole)
}

function noteWhatGoesOut({ output }: CommandContext, items: readonly ItemFacts[]): void {
  const privateCount = items.filter(({ visibility }) => visibility === 'private').length
  if (privateCount === 0) return
  output.note(
    `${countOf(privateCount, 'private item')} will be in the file, and not encrypted: ` +
      'whoever has the file can read all of it.',
  )
}

async function importCommand(
  context: CommandContext,
  files: readonly string[],
  options: { public: boolean },
): Promise<ExitCode> {
  const { output } = context
  const results: Imported[] = []
  for (const file of sourcesOf(context, files)) {
    results.push(await importOne(context, file, options.public ? 'public' : 'private'))
  }
  const whole = new Map(results.flatMap(({ items }) => items.map((item) => [item.cid, item])))
  // What was missing after one part may have come with the next; the last one knows best.
  const incomplete = new Map(
    results
      .flatMap((result) => result.incomplete)
      .filter(({ cid }) => !whole.has(cid))
      .map((entry) => [entry.cid, entry]),
  )
  for (const { cid, missingCount, isMore } of incomplete.values()) {
    const count = countOf(missingCount, 'block')
    output.note(`Not whole yet, ${isMore ? 'at least ' : ''}${count} missing: ${cid}`)
  }
  if (incomplete.size > 0) {
    output.note('  Import the other parts, or bring the rest: citynode get CID.')
  }
  const items = [...whole.values()]
  const lines = items.map((item) => `${item.cid}  ${plain(item.name)}`)
  const facts = { items, incomplete: [...incomplete.values()], files: results }
  await output.result(facts, lines.join('\n'))
  const isAllHere = incomplete.size === 0 && results.every(isFine)
  return isAllHere ? EXIT.ok : EXIT.notAvailable
}

function sourcesOf({ io }: CommandContext, files: readonly string[]): readonly string[] {
  if (files.length > 0) return files
  if (io.keyboard === undefined) return [STANDARD_INPUT]
  throw new CodedError('USAGE', 'Say which file: citynode import FILE.car')
}

async function importOne(
  context: CommandContext,
  path: string,
  visibility: 'private' | 'public',
): Promise<Imported> {
  const { client, io, output } = context
  const source = path === STANDARD_INPUT ? undefined : await openFile(path, io.signal)
  const bar = new ProgressBar(io, 'Importing')
  async function* counted(): AsyncGenerator<Uint8Array> {
    let doneBytes = 0
    for await (const chunk of source?.bytes ?? io.stdin) {
      doneBytes += chunk.length
      bar.update(doneBytes, source?.sizeBytes)
      yield chunk
    }
  }
  try {
    const imported = await client.importItems(counted(), { visibility, signal: io.signal })
    bar.clear()
    noteWhatCame(output, path, imported)
    return imported
  } finally {
    bar.clear()
    // A pipe that nobody reads any more must not keep the command alive.
    if (source === undefined) io.stdin.destroy()
  }
}

function noteWhatCame(
  output: CommandContext['output'],
  path: string,
  { items, problem, wrongCount, unsupported, refused, foreignCount }: Imported,
): void {
  const name = path === STANDARD_INPUT ? 'standard input' : plain(path)
  output.note(`${name}: ${countOf(items.length, 'item')}.`)
  if (problem !== null) output.note(`  ${plain(problem, Number.POSITIVE_INFINITY)}`)
  if (wrongCount > 0) output.note(`  ${countOf(wrongCount, 'block')} damaged: copy it once more.`)
  for (const { cid, reason } of unsupported) {
    output.note(`  Not taken: ${cid}. ${plain(reason, Number.POSITIVE_INFINITY)}`)
  }
  for (const cid of refused) output.note(`  Refused on this node: ${cid}`)
  if (foreignCount > 0) {
    output.note(`  ${countOf(foreignCount, 'block')} of kinds that are not kept here.`)
  }
}

function isFine({ problem, wrongCount, unsupported, refused }: Imported): boolean {
  return problem === null && wrongCount === 0 && unsupported.length + refused.length === 0
}

function named({ cid, name }: ItemFacts): string {
  return name === '' ? cid : `${plain(name)} (${cid})`
}

function countOf(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`
}
