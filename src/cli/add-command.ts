// SPDX-License-Identifier: AGPL-3.0-or-later
/** `add`: files, folders and standard input onto the node, or named to it where they lie. */
import { basename, resolve } from 'node:path'
import { CodedError, formatBytes } from '../base/base.ts'
import {
  type AddAnswer,
  ApiProblem,
  type ItemChange,
  type ItemTexts,
  type Skipped,
  type Visibility,
} from '../contract/contract.ts'
import type { CommandContext } from './context.ts'
import { EXIT, type ExitCode } from './exit-codes.ts'
import { checkApart, isFolder, openFile, seenAt } from './files.ts'
import { tarOfFolder } from './folder-stream.ts'
import { SKIPPED_NAMED_MAX } from './limits.ts'
import { countOf, describe, plain, whoMayHave } from './output.ts'
import { counted, ProgressBar } from './progress-bar.ts'

const STANDARD_INPUT = '-'

export interface AddOptions {
  name: string | undefined
  texts: ItemTexts
  isPublic: boolean
  isReference: boolean
  keepsMode: boolean
  keepsTime: boolean
}

interface Addition {
  answer: AddAnswer
  skipped: readonly Skipped[]
}

export async function addCommand(
  context: CommandContext,
  paths: readonly string[],
  options: AddOptions,
): Promise<ExitCode> {
  const { output } = context
  checkUsage(paths, options)
  const additions = []
  for (const path of paths) {
    const { answer, skipped } = await addOne(context, path, options)
    const item = await sayTexts(context, answer, options)
    output.note(wordsOf({ item, added: answer.added }, path, options))
    // At once, so that what is there stays told when a later one fails.
    if (!output.isJson) await output.result(undefined, item.cid)
    additions.push({ item, added: answer.added, skipped })
  }
  const [first] = additions
  if (output.isJson) await output.result(paths.length === 1 ? first : { additions }, '')
  return EXIT.ok
}

function checkUsage(paths: readonly string[], options: AddOptions): void {
  if (paths.length > 1 && options.name !== undefined) {
    throw new CodedError('USAGE', 'One name cannot be that of several items.', {
      advice: 'Add them one by one, each with its --name.',
    })
  }
  if (paths.length > 1 && paths.includes(STANDARD_INPUT)) {
    throw new CodedError('USAGE', 'Standard input is added alone.')
  }
  if (options.isReference && paths.includes(STANDARD_INPUT)) {
    throw new CodedError('USAGE', 'What comes from standard input lies nowhere.', {
      advice: 'Leave out --reference, or name a file.',
    })
  }
}

async function addOne(
  context: CommandContext,
  path: string,
  options: AddOptions,
): Promise<Addition> {
  const { io, output } = context
  const bar = new ProgressBar(io, 'Adding')
  // By path: where the node could not read by itself, the same is left out once more.
  const skipped = new Map<string, Skipped>()
  const onSkipped = (entry: Skipped): void => {
    if (skipped.has(entry.path)) return
    skipped.set(entry.path, entry)
    if (skipped.size > SKIPPED_NAMED_MAX) return
    bar.clear()
    output.note(`Left out ${plain(entry.path)}: ${plain(entry.reason)}.`)
  }
  try {
    const answer = await send(context, path, { ...options, bar, onSkipped })
    bar.clear()
    const unnamedCount = skipped.size - SKIPPED_NAMED_MAX
    if (unnamedCount > 0) output.note(`Left out ${unnamedCount} more like these (see --json).`)
    return { answer, skipped: [...skipped.values()] }
  } finally {
    bar.clear()
    // A pipe that nobody reads any more must not keep the command alive.
    if (path === STANDARD_INPUT) io.stdin.destroy()
  }
}

async function send(
  { client, io, dataFolder }: CommandContext,
  path: string,
  options: AddOptions & { bar: ProgressBar; onSkipped: (skipped: Skipped) => void },
): Promise<AddAnswer> {
  const { bar, onSkipped, texts, keepsMode, keepsTime } = options
  const visibility: Visibility = options.isPublic ? 'public' : 'private'
  const absolute = resolve(path)
  const name = options.name ?? (path === STANDARD_INPUT ? '' : basename(absolute))
  const common = { ...texts, name, visibility, keepsMode, keepsTime, signal: io.signal }
  if (path === STANDARD_INPUT) return client.addItem(counted(io.stdin, bar, undefined), common)
  const seen = await seenAt(path)
  const onProgress = ({ received }: { received: number }): void =>
    bar.update(received, seen?.sizeBytes === undefined ? undefined : Number(seen.sizeBytes))
  const byPath = { ...common, onProgress, onSkipped }
  if (options.isReference) {
    return client.addReference(absolute, { ...byPath, ...(seen === undefined ? {} : { seen }) })
  }
  const hasFolder = await isFolder(path)
  if (hasFolder) await checkApart(path, dataFolder)
  // A pipe or a device is read by whoever has it open.
  if (seen !== undefined) {
    const answer = await unlessApart(client.addCopy(absolute, { ...byPath, seen }))
    if (answer !== undefined) return answer
  }
  if (hasFolder) {
    const archive = tarOfFolder(path, {
      signal: io.signal,
      onSkipped: (skippedPath, reason) => onSkipped({ path: skippedPath, reason }),
    })
    return client.addItem(counted(archive, bar, undefined), { ...common, isArchive: true })
  }
  const file = await openFile(path, io.signal)
  return client.addItem(counted(file.bytes, bar, file.sizeBytes), {
    ...common,
    mode: keepsMode ? file.mode : undefined,
    modifiedAt: keepsTime ? file.modifiedAt : undefined,
  })
}

/**
 * Reading a file by itself costs the node half of what it costs to be sent it. But it may live in
 * another mount namespace, run as a user who may not read the file, or be older than this command: then
 * the bytes are sent. Whatever else is wrong is so either way.
 */
const APART_CODES = [
  'FILE_NOT_SAME',
  'FILE_NOT_FOUND',
  'FILE_FORBIDDEN',
  'FILE_NOT_FOLDER',
  'NOT_FOUND',
]

/** @returns undefined when the node cannot read what lies there by itself */
async function unlessApart(adding: Promise<AddAnswer>): Promise<AddAnswer | undefined> {
  try {
    return await adding
  } catch (thrown) {
    if (thrown instanceof ApiProblem && APART_CODES.includes(thrown.code)) return undefined
    throw thrown
  }
}

/** What is here already keeps what was said of it; but now the owner says something. */
async function sayTexts({ client, io }: CommandContext, { item }: AddAnswer, options: AddOptions) {
  const said = Object.entries({ ...options.texts, name: options.name })
  const news = said.filter(([field, text]) => {
    return text !== undefined && text !== new Map(Object.entries(item)).get(field)
  })
  if (news.length === 0) return item
  const change: ItemChange = Object.fromEntries(news)
  return client.changeItem(item.cid, change, io.signal)
}

function wordsOf(
  { item, added }: AddAnswer,
  path: string,
  { isReference }: Pick<AddOptions, 'isReference'>,
): string {
  const lines = [`Added ${describe(item, countsOf(added, item.shape))}, ${whoMayHave(item)}`]
  if (isReference) {
    lines.push(
      `It stays in ${plain(resolve(path), Number.POSITIVE_INFINITY)}; do not change it there, or ` +
        'it can no longer be served.',
    )
  } else if (added.newBytes === 0) lines.push('All of it was here already.')
  else if (added.newBytes < item.sizeBytes * MOSTLY_NEW) {
    lines.push(`Only ${formatBytes(added.newBytes)} of it were not here yet.`)
  }
  return lines.join('\n')
}

/** A share above which nobody needs to be told that some of it was known. */
const MOSTLY_NEW = 0.95

function countsOf(added: AddAnswer['added'], shape: string): string {
  if (shape !== 'folder') return ''
  const parts = [countOf(added.filesCount, 'file')]
  if (added.foldersCount > 1) parts.push(countOf(added.foldersCount, 'folder'))
  if (added.symlinksCount > 0) parts.push(countOf(added.symlinksCount, 'symbolic link'))
  return parts.join(', ')
}
