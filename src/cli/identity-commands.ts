// SPDX-License-Identifier: AGPL-3.0-or-later
/** `identity show`, `identity words`, `backup`, `restore`: who the node is, and staying so. */
import { resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { abortReason, CodedError, type Problem } from '../base/base.ts'
import type { CommandContext, IdentityDesk, RestoredFacts } from './context.ts'
import { EXIT, type ExitCode } from './exit-codes.ts'
import { checkTarget, readSmall, readSmallFile, writeWhole } from './files.ts'
import { BACKUP_FILE_BYTES_MAX, WORDS_BYTES_MAX } from './limits.ts'
import { formatFacts, plain } from './output.ts'
import { askNewPassphrase, askPassphrase } from './secrets.ts'

/** Readable for its owner alone, although it is locked as well. */
const BACKUP_MODE = 0o600

export async function identityShowCommand(context: CommandContext): Promise<ExitCode> {
  const { peerId, did, keyFileWrittenAtMs } = await (await deskOf(context)).facts()
  const keyFileWrittenAt = new Date(keyFileWrittenAtMs).toISOString()
  const facts = formatFacts([
    ['Node', peerId],
    ['Also known as', did],
    ['Here since', `${keyFileWrittenAt.slice(0, 10)} (key made or restored here)`],
    ['Data folder', context.dataFolder],
  ])
  const { dataFolder } = context
  await context.output.result({ peerId, did, keyFileWrittenAt, dataFolder }, facts)
  return EXIT.ok
}

export async function identityWordsCommand(
  context: CommandContext,
  options: { isSure: boolean },
): Promise<ExitCode> {
  const { io, output } = context
  if (!io.isStdoutTerminal && !output.isJson && !options.isSure) {
    throw new CodedError('USAGE', 'The recovery words are for your eyes, not for a file or pipe.', {
      advice: 'Run it on a terminal. If you know what you do: --yes, or --json for programs.',
    })
  }
  const desk = await deskOf(context)
  const { peerId } = await desk.facts()
  const words = await desk.words()
  output.note(`The ${words.length} recovery words of the node ${peerId}.`)
  output.note('Whoever has them can be this node. Write them on paper, keep them where you keep')
  output.note('papers of worth, and do not photograph them or store them on a computer.')
  const lines = words.map((word, index) => `${String(index + 1).padStart(2)}. ${word}`)
  await output.result({ peerId, words }, lines.join('\n'))
  return EXIT.ok
}

export interface BackupOptions {
  passphraseFile: string | undefined
  mayOverwrite: boolean
}

export async function backupCommand(
  context: CommandContext,
  file: string,
  options: BackupOptions,
): Promise<ExitCode> {
  const { io, output } = context
  const { mayOverwrite } = options
  const desk = await deskOf(context)
  // What would fail in the end fails before the passphrase is asked for.
  await desk.facts()
  await checkTarget(file, { mayOverwrite })
  const passphrase = await askNewPassphrase(io, options.passphraseFile)
  const { peerId, did, settingsFiles, bytes } = await desk.makeBackup(passphrase)
  if (io.signal.aborted) throw abortReason(io.signal)
  await writeWhole(file, once(bytes), { mayOverwrite, mode: BACKUP_MODE })
  const settings =
    settingsFiles.length === 0 ? '' : ` and its settings (${settingsFiles.join(', ')})`
  output.note(`Backed up the key of the node ${peerId}${settings} to ${file}.`)
  output.note('Your items are not in it. Without the passphrase nobody can open it, nor help you.')
  await output.result({ file: resolve(file), peerId, did, settingsFiles }, '')
  return EXIT.ok
}

export interface RestoreOptions {
  isFromWords: boolean
  isKeyOnly: boolean
  passphraseFile: string | undefined
}

export async function restoreCommand(
  context: CommandContext,
  file: string | undefined,
  options: RestoreOptions,
): Promise<ExitCode> {
  if ((file === undefined) !== options.isFromWords) {
    throw new CodedError('USAGE', 'Say what to restore from: either a FILE, or --words.')
  }
  const desk = await deskOf(context)
  await desk.checkRestorable()
  const restored =
    file === undefined
      ? await restoreFromWords(context, desk)
      : await restoreFromFile(context, desk, file, options)
  if ('problems' in restored) {
    context.output.note('citynode: These are not the recovery words of a node:')
    printWordProblems(context, restored.problems)
    return EXIT.usage
  }
  await report(context, restored)
  return EXIT.ok
}

async function restoreFromFile(
  context: CommandContext,
  desk: IdentityDesk,
  file: string,
  options: RestoreOptions,
): Promise<RestoredFacts> {
  const { io } = context
  const bytes = await readSmallFile(file, BACKUP_FILE_BYTES_MAX, io.signal)
  const passphrase = await askPassphrase(io, options.passphraseFile, 'Passphrase of the backup: ')
  const { signal } = io
  return desk.restoreBackup(bytes, passphrase, { isKeyOnly: options.isKeyOnly, signal })
}

async function restoreFromWords(
  context: CommandContext,
  desk: IdentityDesk,
): Promise<RestoredFacts | { problems: readonly Problem[] }> {
  const { keyboard } = context.io
  const text =
    keyboard === undefined
      ? await readPipedWords(context)
      : await typeWords(context, desk, keyboard)
  return desk.restoreWords(text)
}

async function readPipedWords({ io: { stdin, signal } }: CommandContext): Promise<string> {
  const limits = { name: 'Standard input', sizeBytesMax: WORDS_BYTES_MAX, signal }
  return (await readSmall(stdin, limits)).toString('utf8')
}

/** Line by line, so that a slip costs one line and not all 24 words. */
async function typeWords(
  { io, output }: CommandContext,
  desk: IdentityDesk,
  keyboard: NodeJS.ReadableStream,
): Promise<string> {
  output.note(
    `Type the ${desk.wordsCount} recovery words, one or more on a line. They are shown as`,
  )
  output.note('you type them: make sure that nobody looks over your shoulder.')
  const lines = createInterface({ input: keyboard, terminal: false, signal: io.signal })
  let text = ''
  for await (const line of lines) {
    const longer = `${text} ${line}`
    const { words, problems } = desk.readWords(longer)
    if (problems.length > 0) {
      printWordProblems({ output }, problems)
      output.note('Please type that line again.')
      continue
    }
    text = longer
    if (words.length >= desk.wordsCount) break
    output.note(`${words.length} of ${desk.wordsCount}.`)
  }
  if (io.signal.aborted) throw abortReason(io.signal)
  return text
}

async function report(context: CommandContext, restored: RestoredFacts): Promise<void> {
  const { output, dataFolder, configFile } = context
  const { peerId, did, settingsFiles, unknownSettingsFiles } = restored
  const settings =
    settingsFiles.length === 0 ? '' : `, with its settings (${settingsFiles.join(', ')})`
  output.note(`${dataFolder} is now the node ${peerId}${settings}.`)
  output.note('Never run the old card again while this one runs: two nodes with one key disturb')
  output.note('each other, and neither can be relied upon. Start this one with: citynode start')
  if (settingsFiles.length > 0 && configFile !== undefined) {
    output.note(`The settings lie in ${dataFolder}; ${configFile} was left as it is.`)
  }
  if (unknownSettingsFiles.length > 0) {
    const names = unknownSettingsFiles.map((name) => plain(name)).join(', ')
    output.note(`Left out, because this version does not know them: ${names}. Keep the backup.`)
  }
  await output.result({ peerId, did, settingsFiles, unknownSettingsFiles }, peerId)
}

function printWordProblems(
  { output }: Pick<CommandContext, 'output'>,
  problems: readonly Problem[],
): void {
  for (const { path, message, suggestion } of problems) {
    const hint = suggestion === undefined ? '' : ` ${suggestion}`
    output.note(`  ${path === '' ? '' : `${path}: `}${plain(message, message.length)}${hint}`)
  }
}

function deskOf({ injected, dataFolder, configFile }: CommandContext): Promise<IdentityDesk> {
  return injected.openIdentityDesk({ dataFolder, configFile })
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}
