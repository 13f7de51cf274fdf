// SPDX-License-Identifier: AGPL-3.0-or-later
/** `add`, `get`, `ls`, `rm`: what is on the node. */
import { basename, resolve } from 'node:path'
import { CodedError, formatBytes } from '../base/base.ts'
import type { ItemFacts, Visibility } from '../contract/contract.ts'
import type { CommandContext } from './context.ts'
import { EXIT, type ExitCode } from './exit-codes.ts'
import { checkTarget, type OpenedFile, openFile, writeWhole } from './files.ts'
import { formatTable, plain } from './output.ts'
import { ProgressBar } from './progress-bar.ts'

const STANDARD_INPUT = '-'

export interface AddOptions {
  name: string | undefined
  isPublic: boolean
}

export async function addCommand(
  context: CommandContext,
  path: string,
  options: AddOptions,
): Promise<ExitCode> {
  const { client, io, output } = context
  const source = path === STANDARD_INPUT ? undefined : await openFile(path, io.signal)
  const bar = new ProgressBar(io, 'Adding')
  try {
    const item = await client.addItem(counted(source?.bytes ?? io.stdin, bar, source), {
      name: options.name ?? source?.name ?? '',
      visibility: visibilityOf(options),
      signal: io.signal,
    })
    bar.clear()
    output.note(`Added ${describe(item)}, ${whoMayHave(item)}`)
    await output.result({ item }, item.cid)
    return EXIT.ok
  } finally {
    bar.clear()
    // A pipe that nobody reads any more must not keep the command alive.
    if (source === undefined) io.stdin.destroy()
  }
}

export interface GetOptions {
  file: string | undefined
  isPublic: boolean
  mayOverwrite: boolean
}

export async function getCommand(
  context: CommandContext,
  cid: string,
  options: GetOptions,
): Promise<ExitCode> {
  const { io, output } = context
  checkWhereTo(context, cid, options)
  if (options.file !== undefined) await checkTarget(options.file, options.mayOverwrite)
  const item = await fetchWithBar(context, cid, visibilityOf(options))
  const bytes = itemBytes(context, item)
  if (options.file === undefined) {
    for await (const chunk of bytes) await output.bytes(chunk)
    return EXIT.ok
  }
  const bar = new ProgressBar(io, 'Saving')
  try {
    const { mayOverwrite } = options
    await writeWhole(options.file, counted(bytes, bar, item), { mayOverwrite })
  } finally {
    bar.clear()
  }
  output.note(`Saved ${formatBytes(item.sizeBytes)} to ${options.file}.`)
  await output.result({ item, file: resolve(options.file) }, '')
  return EXIT.ok
}

export async function listCommand({ client, io, output }: CommandContext): Promise<ExitCode> {
  const items = await client.items(io.signal)
  if (items.length === 0) {
    output.note('This node has no items yet. Add one with: citynode add FILE')
  }
  const rows = items.map((item) => [
    item.cid,
    formatBytes(item.sizeBytes),
    item.visibility,
    item.addedAt.slice(0, 16).replace('T', ' '),
    item.isWhole ? plain(item.name) : `${plain(item.name)} (bytes are missing)`,
  ])
  const table = formatTable(['CID', 'SIZE', 'WHO', 'ADDED (UTC)', 'NAME'], rows)
  await output.result({ items }, items.length === 0 ? '' : table)
  return EXIT.ok
}

export async function removeCommand(
  { client, io, output }: CommandContext,
  cid: string,
): Promise<ExitCode> {
  const item = await client.removeItem(cid, io.signal)
  await output.result({ item }, `Removed ${describe(item)}: ${item.cid}`)
  return EXIT.ok
}

function checkWhereTo({ io, output }: CommandContext, cid: string, options: GetOptions): void {
  if (options.file !== undefined) return
  const advice = `Name a file: citynode get ${plain(cid)} -o FILE`
  if (output.isJson) {
    throw new CodedError('USAGE', 'With --json, the bytes cannot go to the output too.', { advice })
  }
  if (!io.isStdoutTerminal) return
  throw new CodedError('USAGE', 'The bytes of an item would only disturb this terminal.', {
    advice,
  })
}

async function fetchWithBar(
  { client, io }: CommandContext,
  cid: string,
  visibility: Visibility,
): Promise<ItemFacts> {
  const bar = new ProgressBar(io, 'Fetching')
  try {
    return await client.fetchItem(cid, {
      visibility,
      signal: io.signal,
      onProgress: ({ received, total }) => bar.update(received, total ?? undefined),
    })
  } finally {
    bar.clear()
  }
}

/** Asks for the bytes only once somebody reads them: an answer must be read to its end. */
async function* itemBytes(
  { client, io }: CommandContext,
  item: ItemFacts,
): AsyncGenerator<Uint8Array> {
  yield* await client.itemBytes(item.cid, io.signal)
}

/** The same bytes, with the bar told how many have gone by. */
async function* counted(
  chunks: AsyncIterable<Uint8Array>,
  bar: ProgressBar,
  size: Pick<OpenedFile, 'sizeBytes'> | undefined,
): AsyncGenerator<Uint8Array> {
  let doneBytes = 0
  for await (const chunk of chunks) {
    doneBytes += chunk.length
    bar.update(doneBytes, size?.sizeBytes)
    yield chunk
  }
}

function visibilityOf({ isPublic }: { isPublic: boolean }): Visibility {
  return isPublic ? 'public' : 'private'
}

function describe(item: ItemFacts): string {
  const name = item.name === '' ? 'an item without a name' : plain(basename(item.name))
  return `${name} (${formatBytes(item.sizeBytes)})`
}

function whoMayHave(item: ItemFacts): string {
  return item.visibility === 'public'
    ? 'public: other nodes may have it.'
    : 'private: it stays on this node.'
}
