// SPDX-License-Identifier: AGPL-3.0-or-later
/** `get`: an item, or something in it, brought to the node and written to where it is wanted. */
import { resolve } from 'node:path'
import { CodedError, formatBytes } from '../base/base.ts'
import type {
  FetchItemOptions,
  FetchReportFacts,
  ItemFacts,
  PlaceFacts,
} from '../contract/contract.ts'
import type { CommandContext } from './context.ts'
import { EXIT, type ExitCode } from './exit-codes.ts'
import { explainFetch } from './explain.ts'
import { checkTarget, writeWhole } from './files.ts'
import { writeFolder } from './folder-writer.ts'
import { type ItemAddress, parseAddress, parseRange, type TypedRange } from './item-address.ts'
import { countOf, plain } from './output.ts'
import { counted, ProgressBar } from './progress-bar.ts'

export interface GetOptions {
  /** A file, or a folder for a folder. */
  target: string | undefined
  range: string | undefined
  isPublic: boolean
  isKept: boolean
  isExplained: boolean
  /** A folder as an archive. */
  isArchive: boolean
  mayOverwrite: boolean
  /** Symbolic links that lead out of the folder are written too. */
  mayLeadOut: boolean
}

/** What a get needs besides the context, understood. */
interface Wanted extends Omit<GetOptions, 'range'> {
  address: ItemAddress
  range: TypedRange | undefined
}

/** What is on the node now. */
interface Brought {
  /** Null for a part, which is none. */
  item: ItemFacts | null
  place: PlaceFacts
  report: FetchReportFacts | null
}

export async function getCommand(
  context: CommandContext,
  text: string,
  options: GetOptions,
): Promise<ExitCode> {
  const { output } = context
  const range = options.range === undefined ? undefined : parseRange(options.range)
  const wanted: Wanted = { ...options, address: parseAddress(text), range }
  checkUsage(context, text, wanted)
  if (wanted.target !== undefined) {
    await checkTarget(wanted.target, {
      mayOverwrite: wanted.mayOverwrite,
      mayBeEmptyFolder: !wanted.isArchive && range === undefined,
    })
  }
  const { item, place, report } = await fetchWithBar(context, wanted)
  if (wanted.target === undefined) {
    for await (const chunk of bytesOf(context, place, wanted)) await output.bytes(chunk)
    return EXIT.ok
  }
  output.note(await save(context, place, { ...wanted, target: wanted.target }))
  await output.result({ item, place, file: resolve(wanted.target), report }, '')
  return EXIT.ok
}

function checkUsage({ io, output }: CommandContext, text: string, wanted: Wanted): void {
  if (wanted.isArchive && wanted.range !== undefined) {
    throw new CodedError('USAGE', 'A range is of a file, and --tar is of a folder.')
  }
  if (wanted.range !== undefined && (wanted.isPublic || wanted.isKept)) {
    throw new CodedError('USAGE', 'A part is neither kept nor shared: only whole items are.', {
      advice: 'Take all of it, without --range; or leave out --public and --keep.',
    })
  }
  if (wanted.target !== undefined) return
  const advice = `Name a file: citynode get ${plain(text)} -o FILE`
  if (output.isJson) {
    throw new CodedError('USAGE', 'With --json, the bytes cannot go to the output too.', { advice })
  }
  if (!io.isStdoutTerminal) return
  throw new CodedError('USAGE', 'The bytes of an item would only disturb this terminal.', {
    advice,
  })
}

async function fetchWithBar(
  { client, io, output }: CommandContext,
  { address, range, isPublic, isKept, isExplained }: Wanted,
): Promise<Brought> {
  const bar = new ProgressBar(io, 'Fetching')
  let report: FetchReportFacts | null = null
  try {
    const how: Pick<FetchItemOptions, 'path' | 'signal' | 'onProgress' | 'onReport'> = {
      path: address.path,
      signal: io.signal,
      onProgress: ({ received, total }) => bar.update(received, total ?? undefined),
      // Told before it fails, too: that is when people want to know.
      onReport: (went) => {
        report = went
        bar.clear()
        if (isExplained) output.note(explainFetch(went, { isPart: range !== undefined }))
      },
    }
    if (range !== undefined) {
      const place = await client.fetchPart(address.cid, { ...how, ...range })
      return { item: null, place, report }
    }
    const visibility = isPublic ? 'public' : 'private'
    const fetched = await client.fetchItem(address.cid, { ...how, visibility, isKept })
    return { ...fetched, report }
  } finally {
    bar.clear()
  }
}

/** Writes what was asked for to its target, and says what was done. */
async function save(
  context: CommandContext,
  place: PlaceFacts,
  wanted: Wanted & { target: string },
): Promise<string> {
  const { target, mayLeadOut, mayOverwrite } = wanted
  const bar = new ProgressBar(context.io, 'Saving')
  const totalBytes = place.sizeBytes ?? undefined
  try {
    if (place.shape === 'folder' && !wanted.isArchive) {
      const onProgress = (writtenBytes: number): void => bar.update(writtenBytes, undefined)
      const archive = archiveOf(context, place, 'zero')
      const written = await writeFolder(target, archive, { mayLeadOut, onProgress })
      const { filesCount, sizeBytes } = written
      return `Saved ${countOf(filesCount, 'file')} (${formatBytes(sizeBytes)}) to ${target}.`
    }
    let savedBytes = 0
    const chunks = counted(bytesOf(context, place, wanted), bar, totalBytes, (doneBytes) => {
      savedBytes = doneBytes
    })
    await writeWhole(target, chunks, { mayOverwrite })
    return `Saved ${formatBytes(savedBytes)} to ${target}.`
  } finally {
    bar.clear()
  }
}

/** The bytes that go to the output or into a file. */
function bytesOf(
  context: CommandContext,
  place: PlaceFacts,
  { isArchive, range }: Wanted,
): AsyncGenerator<Uint8Array> {
  if (isArchive) return archiveOf(context, place, 'usual')
  if (place.shape === 'folder') {
    throw new CodedError('USAGE', 'That is a folder. It is on your node now.', {
      advice: 'Write it to a folder with -o FOLDER, or take it as an archive with --tar.',
    })
  }
  return fileBytes(context, place, range)
}

// Both ask only once somebody reads: an answer must be read to its end.

async function* archiveOf(
  { client, io }: CommandContext,
  { cid }: PlaceFacts,
  absent: 'usual' | 'zero',
): AsyncGenerator<Uint8Array> {
  yield* await client.itemArchive(cid, { absent, signal: io.signal })
}

async function* fileBytes(
  { client, io }: CommandContext,
  { cid, sizeBytes }: PlaceFacts,
  range: TypedRange | undefined,
): AsyncGenerator<Uint8Array> {
  const { signal } = io
  if (range === undefined) {
    yield* await client.itemBytes(cid, { signal })
    return
  }
  const { start, end } = range
  // Beyond the end of the file there is nothing, and no harm in asking for it.
  const until = end === undefined || sizeBytes === null ? end : Math.min(end, sizeBytes)
  const upTo = until === undefined ? {} : { end: until }
  yield* await client.itemBytes(cid, { start, ...upTo, signal })
}
