// SPDX-License-Identifier: AGPL-3.0-or-later
/** `block`, `unblock`, `blocks`, `forget`, `denylist`: what the node refuses. */
import type { Command } from 'commander'
import { formatBytes } from '../base/base.ts'
import type { BlockFacts, DenylistFacts } from '../contract/contract.ts'
import type { CommandContext } from './context.ts'
import { EXIT, type ExitCode } from './exit-codes.ts'
import { formatTable, plain } from './output.ts'

type Run = (make: (context: CommandContext) => Promise<ExitCode>) => Promise<void>

export function addRefusalCommands(program: Command, run: Run): void {
  program
    .command('block <cid>')
    .description('refuse an item from now on: not served, not announced, not taken again')
    .option('--reason <text>', 'a note for yourself; nobody else sees it', '')
    .option('--legal', 'a law or a court says so: others are told 451 instead of 410', false)
    .action((cid: string, options: { reason: string; legal: boolean }) =>
      run((context) => blockCommand(context, cid, options)),
    )
  program
    .command('unblock <cid>')
    .description('take back a block')
    .action((cid: string) => run((context) => unblockCommand(context, cid)))
  program
    .command('blocks')
    .description('what you have blocked')
    .action(() => run(blocksCommand))
  program
    .command('forget <cid>')
    .description('remove an item from this node, and refuse it from now on')
    .action((cid: string) => run((context) => forgetCommand(context, cid)))
  const denylist = program.command('denylist').description('deny lists (docs/OPERATING.md)')
  denylist
    .command('ls')
    .description('deny lists in force, and what is wrong with them')
    .action(() => run((context) => denylistsCommand(context, { mustReread: false })))
  denylist
    .command('reread')
    .description('look at the lists now, instead of within a minute')
    .action(() => run((context) => denylistsCommand(context, { mustReread: true })))
}

async function blockCommand(
  { client, io, output }: CommandContext,
  cid: string,
  { reason, legal }: { reason: string; legal: boolean },
): Promise<ExitCode> {
  const kind = legal ? 'legal' : 'blocked'
  const block = await client.block(cid, { kind, reason, signal: io.signal })
  output.note(
    'What is here of it stays on your disk, unseen by others; citynode forget removes it.',
  )
  await output.result({ block }, `Refused from now on: ${block.cid}`)
  return EXIT.ok
}

async function unblockCommand(
  { client, io, output }: CommandContext,
  cid: string,
): Promise<ExitCode> {
  const block = await client.unblock(cid, io.signal)
  await output.result({ block }, `No longer blocked: ${block.cid}`)
  return EXIT.ok
}

async function blocksCommand({ client, io, output }: CommandContext): Promise<ExitCode> {
  const blocks = await client.blocks(io.signal)
  if (blocks.length === 0) output.note('You have blocked nothing.')
  const rows = blocks.map((block) => [
    block.cid,
    KIND_WORDS[block.kind],
    block.since.slice(0, 16).replace('T', ' '),
    plain(block.reason),
  ])
  const table = formatTable(['CID', 'WHY', 'SINCE (UTC)', 'REASON'], rows)
  await output.result({ blocks }, blocks.length === 0 ? '' : table)
  return EXIT.ok
}

const KIND_WORDS: Readonly<Record<BlockFacts['kind'], string>> = {
  blocked: 'blocked',
  legal: 'legal',
  forgotten: 'forgotten',
}

async function forgetCommand(
  { client, io, output }: CommandContext,
  cid: string,
): Promise<ExitCode> {
  const forgotten = await client.forgetItem(cid, io.signal)
  const { block, item } = forgotten
  const done =
    item === null
      ? 'It was not here; it is refused from now on'
      : `Removed ${plain(item.name)} (${formatBytes(item.sizeBytes)}); it is refused from now on`
  await output.result(forgotten, `${done}: ${block.cid}`)
  return EXIT.ok
}

async function denylistsCommand(
  { client, io, output }: CommandContext,
  { mustReread }: { mustReread: boolean },
): Promise<ExitCode> {
  const denylists = mustReread
    ? await client.rereadDenylists(io.signal)
    : await client.denylists(io.signal)
  if (denylists.length === 0)
    output.note('No deny list is subscribed to: docs/OPERATING.md says how.')
  const rows = denylists.map((list) => [
    plain(list.name === '' ? '(no name)' : list.name),
    String(list.rulesCount),
    stateOf(list),
    plain(list.path),
  ])
  const table = formatTable(['NAME', 'RULES', 'STATE', 'FILE'], rows)
  const lines = denylists.flatMap(({ path, problems }) =>
    problems.map(({ line, message }) => `${plain(path)}:${line}: ${plain(message)}`),
  )
  await output.result({ denylists }, denylists.length === 0 ? '' : [table, ...lines].join('\n'))
  return EXIT.ok
}

function stateOf({ fault, problemsCount }: DenylistFacts): string {
  if (fault !== null) return `broken: ${plain(fault)}`
  if (problemsCount === 0) return 'fine'
  return `${problemsCount} ${problemsCount === 1 ? 'line' : 'lines'} not understood`
}
