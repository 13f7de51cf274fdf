// SPDX-License-Identifier: AGPL-3.0-or-later
/** `add`: files, folders and standard input onto the node, or named to it where they lie. */
import { basename, resolve } from 'node:path'
import { CodedError, formatBytes } from '../base/base.ts'
import type { AddAnswer, ItemChange, ItemTexts, Skipped, Visibility } from '../contract/contract.ts'
import type { CommandContext } from './context.ts'
import { EXIT, type ExitCode } from './exit-codes.ts'
import { checkApart, isFolder, openFile } from './files.ts'
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
  const skipped: Skipped[] = []
  const onSkipped = (entry: Skipped): void => {
    skipped.push(entry)
    if (skipped.length > SKIPPED_NAMED_MAX) return
    bar.clear()
    output.note(`Left out ${plain(entry.path)}: ${plain(entry.reason)}.`)
  }
  try {
    const answer = await send(context, path, { ...options, bar, onSkipped })
    bar.clear()
    const unnamedCount = skipped.length - SKIPPED_NAMED_MAX
    if (unnamedCount > 0) output.note(`Left out ${unnamedCount} more like these (see --json).`)
    return { answer, skipped }
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
  if (options.isReference) {
    const onProgress = ({ received }: { received: number }): void => bar.update(received, undefined)
    return client.addReference(absolute, { ...common, onProgress, onSkipped })
  }
  if (await isFolder(path)) {
    await checkApart(path, dataFolder)
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
