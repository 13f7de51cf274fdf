// SPDX-License-Identifier: AGPL-3.0-or-later
/** `events`, `transfers`: what goes on, while it does. */
import type { Command } from 'commander'
import { CodedError, formatBytes, formatDuration } from '../base/base.ts'
import { type Happening, shortId, type TransferFacts } from '../contract/contract.ts'
import type { CommandContext } from './context.ts'
import { EXIT, type ExitCode } from './exit-codes.ts'
import { formatTable, plain } from './output.ts'

type Run = (make: (context: CommandContext) => Promise<ExitCode>) => Promise<void>

export function addLiveCommands(program: Command, run: Run): void {
  program
    .command('events')
    .description('what happened lately, and then what happens, until Ctrl-C')
    .action(() => run(eventsCommand))
  const transfers = program
    .command('transfers')
    .description('additions and fetches: those that run, and the last that ended')
    .action(() => run(transfersCommand))
  transfers
    .command('stop <id>')
    .description('stop one; what has arrived of a fetch stays for the next time')
    .action((id: string) => run((context) => stopCommand(context, id)))
}

/** For programs every event, a line each; people want to know what happened. */
async function eventsCommand({ client, io, output }: CommandContext): Promise<ExitCode> {
  for await (const told of client.events({ since: 0, signal: io.signal })) {
    if (output.isJson) await output.bytes(lineOf(JSON.stringify(told)))
    else if (told.event === 'happening') await output.bytes(lineOf(formatHappening(told.happening)))
  }
  output.note('The node has stopped.')
  return EXIT.ok
}

async function transfersCommand({ client, io, output }: CommandContext): Promise<ExitCode> {
  const transfers = await client.transfers(io.signal)
  if (transfers.length === 0) {
    output.note('Nothing was added or fetched since the node was started.')
  }
  const heads = ['ID', 'WHAT', 'HOW', 'MOVED', 'BEGAN', 'FROM', 'NAME']
  const table = formatTable(heads, transfers.map(transferRow))
  await output.result({ transfers }, transfers.length === 0 ? '' : table)
  return EXIT.ok
}

async function stopCommand({ client, io, output }: CommandContext, id: string): Promise<ExitCode> {
  if (!/^[1-9]\d{0,14}$/.test(id)) {
    throw new CodedError('USAGE', 'A transfer has a number.', {
      advice: 'See which there are with: citynode transfers',
    })
  }
  const transfer = await client.stopTransfer(Number(id), io.signal)
  const isStopped = transfer.state === 'stopped'
  await output.result(
    { transfer },
    isStopped ? `Stopped: ${nameOf(transfer)}` : `It had ended already: ${HOW[transfer.state]}.`,
  )
  return EXIT.ok
}

const HOW: Readonly<Record<TransferFacts['state'], string>> = {
  running: 'running',
  done: 'done',
  failed: 'failed',
  stopped: 'stopped',
}

function transferRow(transfer: TransferFacts): string[] {
  const { id, kind, state, receivedBytes, totalBytes, bytesPerSecond, problem } = transfer
  const of = totalBytes === null || state === 'done' ? '' : ` of ${formatBytes(totalBytes)}`
  const rate = bytesPerSecond === null ? '' : `, ${formatBytes(bytesPerSecond)}/s`
  return [
    String(id),
    kind,
    problem === null ? HOW[state] : `failed: ${problem.code}`,
    `${formatBytes(receivedBytes)}${of}${rate}`,
    `${formatDuration(transfer.startedSecondsAgo)} ago`,
    transfer.from.map(shortId).join(' '),
    nameOf(transfer),
  ]
}

function nameOf({ name, cid }: TransferFacts): string {
  return name === '' ? plain(cid ?? 'not named') : plain(name)
}

/** By the clock of the node, in the time zone of whoever reads. */
function formatHappening({ at, level, text }: Happening): string {
  const mark = { good: ' ', info: ' ', warning: '!', error: '!!' }[level]
  // Swedish dates are those of ISO 8601, with a space for the T.
  const when = new Date(at).toLocaleString('sv')
  return `${when} ${mark.padEnd(2)} ${plain(text, HAPPENING_LENGTH_MAX)}`
}

/** Characters of a line about what happened: the longest has a name and a problem in it. */
const HAPPENING_LENGTH_MAX = 300

function lineOf(text: string): Uint8Array {
  return Buffer.from(`${text}\n`)
}
