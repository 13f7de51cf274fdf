// SPDX-License-Identifier: AGPL-3.0-or-later
/** `start`, `status`, `neighbours`, `peers`, `config`: the node itself. */
import { CodedError, errorCode, formatBytes, formatDuration } from '../base/base.ts'
import {
  type NeighbourFacts,
  percentOf,
  qualityOf,
  type Status,
  shortId,
} from '../contract/contract.ts'
import type { CheckedConfig, CommandContext, StartOptions } from './context.ts'
import { EXIT, type ExitCode } from './exit-codes.ts'
import { formatFacts, formatTable, plain } from './output.ts'

export async function startCommand(context: CommandContext): Promise<ExitCode> {
  const { io, injected, dataFolder, configFile } = context
  let isStarted = false
  try {
    await injected.startNode({
      dataFolder,
      configFile,
      signal: io.signal,
      onStarted: (facts) => {
        isStarted = true
        sayStarted(context, facts)
      },
    })
    return EXIT.ok
  } catch (thrown) {
    // Asked to stop while it was starting: that is what it did.
    if (io.signal.aborted && !isStarted) return EXIT.ok
    if (isStarted || !(thrown instanceof CodedError)) throw thrown
    printFailure(context, thrown)
    return thrown.code.startsWith('CONFIG_') ? EXIT.badConfiguration : EXIT.couldNotStart
  }
}

/** The page's links, on which the owner opens it; a new token first, if wanted. */
export async function linkCommand(
  { client, io, output }: CommandContext,
  { mustRenew }: { mustRenew: boolean },
): Promise<ExitCode> {
  const links = await (mustRenew ? client.renewOwnerLinks(io.signal) : client.ownerLinks(io.signal))
  if (mustRenew) output.note('There is a new token: the links of before are worth nothing now.')
  output.note('Whoever has one of these links can do everything with this node:')
  await output.result({ links }, links.join('\n'))
  return EXIT.ok
}

export async function statusCommand({ client, io, output }: CommandContext): Promise<ExitCode> {
  const status = await client.status(io.signal)
  await output.result(status, formatStatus(status))
  return EXIT.ok
}

export async function neighboursCommand(context: CommandContext): Promise<ExitCode> {
  const { client, io, output } = context
  const neighbours = await client.neighbours(io.signal)
  if (neighbours.length === 0) {
    output.note('No neighbours yet. The node keeps looking; one on the same cable or radio')
    output.note('and in the same city appears within seconds.')
  }
  const heads = ['NODE', 'THROUGH', 'LINK', 'THERE AND BACK', 'LOST', 'KNOWN FOR', 'VERSION']
  const table = formatTable(heads, neighbours.map(neighbourRow))
  await output.result({ neighbours }, neighbours.length === 0 ? '' : table)
  return EXIT.ok
}

export async function peersCommand({ client, io, output }: CommandContext): Promise<ExitCode> {
  const peers = await client.peers(io.signal)
  if (peers.length === 0) output.note('No other node is connected yet.')
  const rows = peers.map((peer) => [
    nodeName(peer),
    peer.isNeighbour ? 'neighbour' : peer.interfaceName === null ? 'farther' : 'same segment',
    peer.direction === 'inbound' ? 'it called' : 'we called',
    formatDuration(peer.connectedForSeconds),
    plain(peer.version ?? 'not told yet'),
    plain(peer.address, 120),
  ])
  const heads = ['NODE', 'WHERE', 'WHO CALLED', 'FOR', 'VERSION', 'ADDRESS']
  await output.result({ peers }, peers.length === 0 ? '' : formatTable(heads, rows))
  return EXIT.ok
}

export async function configCheckCommand(context: CommandContext): Promise<ExitCode> {
  const checked = await checkConfig(context)
  const { configFile, isPresent, problems } = checked
  const verdict = isPresent
    ? `The configuration in ${configFile} is right.`
    : `There is no ${configFile}; everything is at its default, which is fine.`
  printProblems(context, checked)
  await context.output.result(
    { configFile, isPresent, problems },
    problems.length === 0 ? verdict : '',
  )
  return problems.length === 0 ? EXIT.ok : EXIT.badConfiguration
}

/** What the running node uses; if none runs, or a file was named, what that file would give. */
export async function configShowCommand(context: CommandContext): Promise<ExitCode> {
  const { output } = context
  const running = context.configFile === undefined ? await runningConfig(context) : undefined
  if (running !== undefined) {
    await output.result({ config: running }, formatConfig(running))
    return EXIT.ok
  }
  const checked = await checkConfig(context)
  printProblems(context, checked)
  if (checked.effective === undefined) return EXIT.badConfiguration
  output.note(`Not from a running node, but as ${checked.configFile} and the defaults say:`)
  await output.result({ config: checked.effective }, formatConfig(checked.effective))
  return EXIT.ok
}

/** What went wrong, and below it what to do. */
export function printFailure({ output }: Pick<CommandContext, 'output'>, error: Error): void {
  output.note(`citynode: ${error.message}`)
  if (error instanceof CodedError && error.advice !== undefined) output.note(`  ${error.advice}`)
}

/** Links are printed where a person reads them; in a file or a journal they would lie about. */
function sayStarted(
  { io, output }: CommandContext,
  { city, statusPort, ownerLinks }: Parameters<StartOptions['onStarted']>[0],
): void {
  if (io.isStderrTerminal) {
    output.note(`This node is running in the city ${city}.   Stop it with Ctrl-C.`)
    output.note(`Its status page, for everybody: http://localhost:${statusPort}/`)
  }
  if (io.isStdoutTerminal) {
    const links = ownerLinks.map((link) => `  ${link}\n`).join('')
    io.stdout.write(
      `For you, its owner (whoever has one of these links can do everything):\n${links}`,
    )
  } else if (io.isStderrTerminal) {
    output.note('For you, its owner: see citynode link')
  }
}

function formatStatus(status: Status): string {
  const { health, neighbours } = status
  const verdict = { ok: 'is well', degraded: 'works, but needs a look', failed: 'needs help' }
  const nodesCount = new Set(neighbours.map((neighbour) => neighbour.peerId)).size
  const lines = [`This node ${verdict[health.status]}. It has ${countOfNeighbours(nodesCount)}.`]
  for (const { severity, text, advice } of health.conditions) {
    const label = { info: 'Good to know', warning: 'Needs a look', error: 'Needs help' }[severity]
    lines.push('', `${label}: ${text}`, `  ${advice}`)
  }
  const { itemsCount, publicItemsCount, itemsSizeBytes } = status
  const facts = formatFacts([
    ...(status.name === '' ? [] : [['Name', plain(status.name)] as const]),
    ['Node', status.peerId],
    ['City', status.city],
    ['Version', status.version],
    ['Running for', formatDuration(status.uptimeSeconds)],
    ['Items', `${itemsCount} (${publicItemsCount} public), ${formatBytes(itemsSizeBytes)}`],
    ['Further nodes', `${status.otherPeersCount} connected`],
    ['Data folder', status.dataFolder],
    ['Status page', `http://localhost:${status.statusPort}/`],
  ])
  return [...lines, '', facts].join('\n')
}

function countOfNeighbours(count: number): string {
  if (count === 0) return 'no neighbours yet'
  return count === 1 ? '1 neighbour' : `${count} neighbours`
}

/** Names can be alike, ids cannot. */
function nodeName({ name, peerId }: { name: string; peerId: string }): string {
  return name === '' ? shortId(peerId) : `${plain(name)} ${shortId(peerId)}`
}

function neighbourRow(neighbour: NeighbourFacts): string[] {
  const { rttMs, lossIn, lossOut } = neighbour
  const percent = (loss: number | null): string => (loss === null ? '?' : `${percentOf(loss)} %`)
  return [
    nodeName(neighbour),
    plain(neighbour.interfaceName),
    qualityOf(neighbour),
    rttMs === null ? 'not known yet' : `${rttMs.toFixed(1)} ms`,
    `${percent(lossIn)} from it, ${percent(lossOut)} to it`,
    formatDuration(neighbour.knownForSeconds),
    plain(neighbour.version ?? 'not told yet'),
  ]
}

function checkConfig({ injected, dataFolder, configFile }: CommandContext): Promise<CheckedConfig> {
  return injected.checkConfig({ dataFolder, configFile })
}

async function runningConfig({
  client,
  io,
}: CommandContext): Promise<Readonly<Record<string, unknown>> | undefined> {
  try {
    return await client.config(io.signal)
  } catch (thrown) {
    // No node runs: the file itself is asked next.
    if (errorCode(thrown) === 'NO_DAEMON') return undefined
    throw thrown
  }
}

function printProblems({ output }: CommandContext, checked: CheckedConfig): void {
  if (checked.problems.length === 0) return
  const count = checked.problems.length === 1 ? 'a problem' : `${checked.problems.length} problems`
  output.note(`citynode: ${checked.configFile} has ${count}:`)
  for (const { path, message, suggestion } of checked.problems) {
    const hint = suggestion === undefined ? '' : ` ${suggestion}`
    output.note(`  ${path === '' ? '' : `${path}: `}${message}${hint}`)
  }
}

/** `network.port = 7440`, one setting a line. */
function formatConfig(config: Readonly<Record<string, unknown>>, prefix = ''): string {
  return Object.entries(config)
    .map(([key, value]) => {
      const path = `${prefix}${key}`
      const isSection = typeof value === 'object' && value !== null && !Array.isArray(value)
      // An object that is no array is a section: names and values.
      if (isSection) return formatConfig(value as Readonly<Record<string, unknown>>, `${path}.`)
      return `${path} = ${JSON.stringify(value)}`
    })
    .filter((line) => line !== '')
    .join('\n')
}
