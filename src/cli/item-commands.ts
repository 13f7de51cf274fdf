// SPDX-License-Identifier: AGPL-3.0-or-later
/** The commands about items: what each is called, what it takes, and the small ones themselves. */
import type { Command } from 'commander'
import { CodedError, formatBytes } from '../base/base.ts'
import type { EntryFacts, ItemChange, ItemFacts, ItemTexts } from '../contract/contract.ts'
import { addCommand } from './add-command.ts'
import type { CommandContext } from './context.ts'
import { EXIT, type ExitCode } from './exit-codes.ts'
import { getCommand } from './get-command.ts'
import { parseAddress } from './item-address.ts'
import { describe, formatFacts, formatTable, plain } from './output.ts'

type Run = (make: (context: CommandContext) => Promise<ExitCode>) => Promise<void>

export function addItemCommands(program: Command, run: Run): void {
  describeAdd(program, run)
  describeGet(program, run)
  program
    .command('ls [cid]')
    .description('items on this node; with CID or CID/path, what is in that folder')
    .action((address: string | undefined) =>
      run((context) =>
        address === undefined ? listCommand(context) : entriesCommand(context, address),
      ),
    )
  program
    .command('rm <cid>')
    .description('remove an item from this node')
    .action((cid: string) => run((context) => removeCommand(context, cid)))
  program
    .command('keep <cid>')
    .description('keep an item, whatever else needs the room')
    .action((cid: string) => run((context) => keepCommand(context, cid, true)))
  program
    .command('unkeep <cid>')
    .description('let an item that was fetched go when others need the room')
    .action((cid: string) => run((context) => keepCommand(context, cid, false)))
  describeItem(program, run)
}

interface TextFlags extends ItemTexts {
  name?: string
}

/** What may be said of an item, as options of a command. */
function withTexts(command: Command): Command {
  return command
    .option('--name <name>', 'call it so instead of after the file')
    .option('--title <text>', 'a title for people')
    .option('--kind <type>', 'its media type, for example video/mp4')
    .option('--language <tag>', 'its language, for example de or pt-BR')
    .option('--description <text>', 'what it is, in a few sentences')
    .option('--licence <text>', 'under which licence, for example CC-BY-4.0')
}

function textsOf({ title, kind, language, description, licence }: TextFlags): ItemTexts {
  return { title, kind, language, description, licence }
}

interface AddFlags extends TextFlags {
  public: boolean
  reference: boolean
  preserveMode: boolean
  preserveMtime: boolean
}

function describeAdd(program: Command, run: Run): void {
  const add = program
    .command('add <path...>')
    .description('add files and folders (- is standard input), and print their content ids')
    .option('--public', 'let other nodes have it', false)
    .option('--reference', 'leave it where it is: the node reads it there', false)
    .option('--preserve-mode', 'permissions become part of it, and of its content id', false)
    .option('--preserve-mtime', 'times become part of it, and of its content id', false)
  withTexts(add).action((paths: string[], flags: AddFlags) =>
    run((context) =>
      addCommand(context, paths, {
        name: flags.name,
        texts: textsOf(flags),
        isPublic: flags.public,
        isReference: flags.reference,
        keepsMode: flags.preserveMode,
        keepsTime: flags.preserveMtime,
      }),
    ),
  )
}

interface GetFlags {
  output?: string
  range?: string
  force: boolean
  public: boolean
  keep: boolean
  explain: boolean
  tar: boolean
  allSymlinks: boolean
}

function describeGet(program: Command, run: Run): void {
  program
    .command('get <cid>')
    .description('bring an item here, or CID/path in it, and write it to the output or to a file')
    .option('-o, --output <path>', 'write it to this file, or a folder to this folder')
    .option('--range <bytes>', 'only these bytes of a file: FIRST-LAST, counted from 0')
    .option('--tar', 'a folder as a tar archive', false)
    .option('--all-symlinks', 'write symbolic links that lead out of the folder, too', false)
    .option('--force', 'replace the file if there is one', false)
    .option('--keep', 'keep it on this node, whatever else needs the room', false)
    .option('--public', 'let other nodes have it from here', false)
    .option('--explain', 'say who was asked, who gave what, and what failed', false)
    .action((cid: string, flags: GetFlags) =>
      run((context) =>
        getCommand(context, cid, {
          target: flags.output,
          range: flags.range,
          isPublic: flags.public,
          isKept: flags.keep,
          isExplained: flags.explain,
          isArchive: flags.tar,
          mayOverwrite: flags.force,
          mayLeadOut: flags.allSymlinks,
        }),
      ),
    )
}

function describeItem(program: Command, run: Run): void {
  const item = program.command('item').description('one item, and what is said of it')
  item
    .command('show <cid>')
    .description('all that is known of an item')
    .action((cid: string) => run((context) => showCommand(context, cid)))
  withTexts(item.command('set <cid>'))
    .description('say something about an item; an empty text unsays it')
    .action((cid: string, flags: TextFlags) =>
      run((context) => setCommand(context, cid, { ...textsOf(flags), name: flags.name })),
    )
  item
    .command('publish <cid>')
    .description('let other nodes have an item, under the signature of this node')
    .action((cid: string) => run((context) => publishCommand(context, cid)))
  item
    .command('withdraw <cid>')
    .description('take back an item that was published here')
    .option('--reason <text>', 'why, for everybody who asks', '')
    .option('--remove', 'and remove it from this node', false)
    .action((cid: string, { reason, remove }: { reason: string; remove: boolean }) =>
      run((context) => withdrawCommand(context, cid, { reason, mustRemove: remove })),
    )
}

async function listCommand({ client, io, output }: CommandContext): Promise<ExitCode> {
  const items = await client.items(io.signal)
  if (items.length === 0) {
    output.note('This node has no items yet. Add one with: citynode add FILE')
  }
  const rows = items.map((item) => [
    item.cid,
    formatBytes(item.sizeBytes),
    item.visibility,
    item.isKept ? 'yes' : 'no',
    timeOf(item.addedAt),
    nameOf(item),
  ])
  const table = formatTable(['CID', 'SIZE', 'WHO', 'KEPT', 'ADDED (UTC)', 'NAME'], rows)
  await output.result({ items }, items.length === 0 ? '' : table)
  return EXIT.ok
}

function nameOf({ name, shape, title, state, isChanged, isWithdrawn, refused }: ItemFacts): string {
  const parts = [shape === 'folder' ? `${plain(name)}/` : plain(name)]
  if (title !== '' && title !== name) parts.push(plain(title))
  if (isWithdrawn) parts.push('(withdrawn)')
  else if (refused !== null) parts.push('(refused)')
  if (isChanged) parts.push('(its file has changed)')
  else if (state === 'damaged') parts.push('(bytes are missing)')
  return parts.join('  ')
}

async function entriesCommand(context: CommandContext, text: string): Promise<ExitCode> {
  const { client, io, output } = context
  const { cid, path } = parseAddress(text)
  const entries: EntryFacts[] = []
  for await (const entry of client.itemEntries(cid, { path, signal: io.signal })) {
    entries.push(entry)
  }
  if (entries.length === 0) output.note('That folder is empty.')
  const rows = entries.map((entry) => [
    entry.cid,
    entry.sizeBytes === null ? '' : formatBytes(entry.sizeBytes),
    entryName(entry),
  ])
  await output.result(
    { entries },
    entries.length === 0 ? '' : formatTable(['CID', 'SIZE', 'NAME'], rows),
  )
  return EXIT.ok
}

function entryName({ name, shape, target }: EntryFacts): string {
  switch (shape) {
    case 'folder':
      return `${plain(name)}/`
    case 'symlink':
      return `${plain(name)} -> ${plain(target ?? '')}`
    case 'file':
      return plain(name)
    case null:
      return `${plain(name)} (not here)`
  }
}

async function removeCommand(
  { client, io, output }: CommandContext,
  cid: string,
): Promise<ExitCode> {
  const item = await client.removeItem(cid, io.signal)
  await output.result({ item }, `Removed ${describe(item)}: ${item.cid}`)
  return EXIT.ok
}

async function keepCommand(
  { client, io, output }: CommandContext,
  cid: string,
  isKept: boolean,
): Promise<ExitCode> {
  const item = await client.changeItem(cid, { isKept }, io.signal)
  const isAdded = item.origin === 'added'
  const words = isKept
    ? `Kept from now on: ${item.cid}`
    : isAdded
      ? `You added it here, so it stays until you remove it: ${item.cid}`
      : `It may go from now on when others need the room: ${item.cid}`
  await output.result({ item }, words)
  return EXIT.ok
}

async function showCommand({ client, io, output }: CommandContext, cid: string): Promise<ExitCode> {
  const item = await client.item(cid, io.signal)
  await output.result({ item }, formatFacts(factsOf(item)))
  return EXIT.ok
}

function factsOf(item: ItemFacts): [string, string][] {
  const damaged = item.isChanged
    ? 'no, a file of it has changed or is gone since it was added: add it again'
    : 'no, bytes are missing: get or add it again'
  const whole = { whole: 'yes', damaged }
  const said: [string, string][] = [
    ['Title', item.title],
    ['Kind', item.kind],
    ['Language', item.language],
    ['Licence', item.licence],
    ['Description', item.description],
  ]
  return [
    ['Content id', item.cid],
    ['Name', plain(item.name, Number.POSITIVE_INFINITY)],
    ...said
      .filter(([, text]) => text !== '')
      .map(([label, text]): [string, string] => [label, plain(text, Number.POSITIVE_INFINITY)]),
    ['Is a', item.shape === 'symlink' ? 'symbolic link' : item.shape],
    ['Size', formatBytes(item.sizeBytes)],
    ['Who may have it', item.visibility === 'public' ? 'everybody' : 'only you'],
    ['Published by', publisherOf(item)],
    ['Came', `${item.origin} ${timeOf(item.addedAt)} (UTC)`],
    ['Kept', item.isKept ? 'yes' : 'no, it may go when others need the room'],
    ['Whole', whole[item.state]],
  ]
}

function publisherOf({ publishedBy, isWithdrawn }: ItemFacts): string {
  if (publishedBy === null) return 'nobody known'
  return isWithdrawn ? `${publishedBy}, who has withdrawn it` : publishedBy
}

async function setCommand(
  { client, io, output }: CommandContext,
  cid: string,
  said: ItemTexts & { name: string | undefined },
): Promise<ExitCode> {
  const news = Object.entries(said).filter(([, text]) => text !== undefined)
  if (news.length === 0) {
    throw new CodedError('USAGE', 'Nothing is said about the item.', {
      advice: 'For example: citynode item set CID --title "A walk by the river"',
    })
  }
  const change: ItemChange = Object.fromEntries(news)
  const item = await client.changeItem(cid, change, io.signal)
  await output.result({ item }, `Said of ${describe(item)}: ${item.cid}`)
  return EXIT.ok
}

async function publishCommand(
  { client, io, output }: CommandContext,
  cid: string,
): Promise<ExitCode> {
  const item = await client.publishItem(cid, io.signal)
  await output.result({ item }, `Published ${describe(item)}; others may have it: ${item.cid}`)
  return EXIT.ok
}

async function withdrawCommand(
  { client, io, output }: CommandContext,
  cid: string,
  options: { reason: string; mustRemove: boolean },
): Promise<ExitCode> {
  const withdrawn = await client.withdrawItem(cid, { ...options, signal: io.signal })
  output.note(
    'Nodes that have a copy are told when they ask; what somebody has saved stays where it is.',
  )
  const where = withdrawn.item === null ? 'It is not on this node any more' : 'It is private now'
  await output.result(withdrawn, `Withdrawn. ${where}: ${withdrawn.cid}`)
  return EXIT.ok
}

function timeOf(iso: string): string {
  return iso.slice(0, 16).replace('T', ' ')
}
