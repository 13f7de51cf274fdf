// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * The command line: a client of the control socket, plus `start`. Knows neither the process nor
 * its signals; both come from `node/`. Results go to stdout, everything else to stderr.
 */
import { join, resolve } from 'node:path'
import { Command, CommanderError } from 'commander'
import { asError, CodedError } from '../base/base.ts'
import { createClient, type Transport } from '../contract/contract.ts'
import { addCapabilityCommands } from './capability-commands.ts'
import { addCarryCommands } from './carry-commands.ts'
import type { CliInjected, CommandContext } from './context.ts'
import { EXIT, type ExitCode, exitCodeOf } from './exit-codes.ts'
import {
  backupCommand,
  identityShowCommand,
  identityWordsCommand,
  restoreCommand,
} from './identity-commands.ts'
import { addItemCommands } from './item-commands.ts'
import { addLiveCommands } from './live-commands.ts'
import {
  configCheckCommand,
  configShowCommand,
  linkCommand,
  neighboursCommand,
  peersCommand,
  printFailure,
  startCommand,
  statusCommand,
} from './node-commands.ts'
import { type CliIo, Output, StdoutClosed } from './output.ts'
import { addRefusalCommands } from './refusal-commands.ts'
import { createSigningTransport } from './signing-transport.ts'
import { createTcpTransport, createUnixTransport } from './unix-transport.ts'

export type {
  BackupFacts,
  CheckedConfig,
  CliInjected,
  IdentityDesk,
  IdentityFacts,
  PermissionFacts,
  RequestFacts,
  RequestSigner,
  RestoredFacts,
  SignedHeaders,
  StartOptions,
} from './context.ts'
export { EXIT, EXIT_MEANINGS, type ExitCode } from './exit-codes.ts'
export type { CliIo, Keyboard } from './output.ts'

/** The control socket's name in the data folder. */
export const CONTROL_SOCKET_NAME = 'control.sock'

type Run = (make: (context: CommandContext) => Promise<ExitCode>) => Promise<void>

/** @param argv Without the names of the runtime and of the program. Never throws. */
export async function runCli(
  argv: readonly string[],
  io: CliIo,
  injected: CliInjected,
): Promise<ExitCode> {
  // Writes report their own failures; without a listener the stream would end the process.
  io.stdout.on('error', () => {})
  io.stderr.on('error', () => {})
  const program = new Command('citynode')
  let exitCode: ExitCode = EXIT.ok
  const run: Run = async (command) => {
    exitCode = await command(contextOf(program, io, injected))
  }
  describeProgram(program, io, injected)
  addNodeCommands(program, run)
  addItemCommands(program, run)
  addCarryCommands(program, run)
  addIdentityCommands(program, run)
  addRefusalCommands(program, run)
  addLiveCommands(program, run)
  addCapabilityCommands(program, run)
  try {
    await program.parseAsync(argv, { from: 'user' })
    return exitCode
  } catch (thrown) {
    return explainFailure(thrown, io)
  }
}

function describeProgram(program: Command, io: CliIo, injected: CliInjected): void {
  program
    .description("One node of a people's cloud: nearby nodes serve each other first.")
    .version(injected.version, '--version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .option('--data <dir>', 'folder in which the node keeps everything', injected.defaultDataFolder)
    .option('--config <file>', 'configuration file (default: citynode.toml in the data folder)')
    .option('--node <url>', 'another node than the one of this machine: http://pi.local:7480')
    .option('--as <keyfile>', 'with --node: sign with this key, which is made at its first use')
    .option('--json', 'print the result as JSON, for programs (docs/CLI.md)')
    .configureHelp({ sortSubcommands: false, showGlobalOptions: true })
    .showHelpAfterError('See citynode --help.')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      writeErr: (text) => void io.stderr.write(text),
      outputError: (text, write) => write(text.replace(/^error: /, 'citynode: ')),
      getOutHelpWidth: () => (io.isStdoutTerminal ? io.columns : 100),
      getErrHelpWidth: () => (io.isStderrTerminal ? io.columns : 100),
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
}

function addNodeCommands(program: Command, run: Run): void {
  program
    .command('start')
    .description('run a node until it is told to stop')
    .action(() => run(startCommand))
  program
    .command('status')
    .description('how the node is')
    .action(() => run(statusCommand))
  program
    .command('neighbours')
    .description('nodes one hop away, and how the hop is doing')
    .action(() => run(neighboursCommand))
  program
    .command('peers')
    .description('nodes with an open connection')
    .action(() => run(peersCommand))
  program
    .command('link')
    .description('the links by which you, its owner, open the page of this node')
    .option('--renew', 'make a new token first: the links of before are worth nothing then', false)
    .action((options: { renew: boolean }) =>
      run((context) => linkCommand(context, { mustRenew: options.renew })),
    )
  const config = program.command('config').description('the configuration')
  config
    .command('check')
    .description('check the configuration file, and say everything that is wrong with it')
    .action(() => run(configCheckCommand))
  config
    .command('show')
    .description('print the configuration in effect')
    .action(() => run(configShowCommand))
}

function addIdentityCommands(program: Command, run: Run): void {
  const identity = program.command('identity').description('who this node is')
  identity
    .command('show')
    .description("the node's names, also while it does not run")
    .action(() => run(identityShowCommand))
  identity
    .command('words')
    .description('print the 24 recovery words: whoever has them can be this node')
    .option('--yes', 'print them into a file or pipe, too', false)
    .action((options: { yes: boolean }) =>
      run((context) => identityWordsCommand(context, { isSure: options.yes })),
    )
  program
    .command('backup <file>')
    .description("write the node's key and settings to a file, locked with a passphrase")
    .option('--passphrase-file <file>', 'read the passphrase from it (- is standard input)')
    .option('--force', 'replace the file if there is one', false)
    .action((file: string, options: { passphraseFile?: string; force: boolean }) =>
      run((context) =>
        backupCommand(context, file, {
          passphraseFile: options.passphraseFile,
          mayOverwrite: options.force,
        }),
      ),
    )
  program
    .command('restore [file]')
    .description('bring a node back from its backup or its recovery words (docs/BACKUP.md)')
    .option('--words', 'from the 24 recovery words, typed or on standard input', false)
    .option('--key-only', 'leave the settings in the backup', false)
    .option('--passphrase-file <file>', 'read the passphrase from it (- is standard input)')
    .action(
      (
        file: string | undefined,
        options: { words: boolean; keyOnly: boolean; passphraseFile?: string },
      ) =>
        run((context) =>
          restoreCommand(context, file, {
            isFromWords: options.words,
            isKeyOnly: options.keyOnly,
            passphraseFile: options.passphraseFile,
          }),
        ),
    )
}

function contextOf(program: Command, io: CliIo, injected: CliInjected): CommandContext {
  const options = program.opts<GlobalOptions>()
  const dataFolder = resolve(options.data)
  const keyFile = options.as === undefined ? undefined : resolve(options.as)
  return {
    io,
    output: new Output(io, { isJson: options.json === true }),
    client: createClient(transportOf({ node: options.node, keyFile, dataFolder }, injected)),
    keyFile,
    injected,
    dataFolder,
    configFile: options.config === undefined ? undefined : resolve(options.config),
  }
}

interface GlobalOptions {
  data: string
  config?: string
  json?: boolean
  node?: string
  as?: string
}

/** To the node of this machine over its socket, as its owner; or to another, by signed requests. */
function transportOf(
  options: { node: string | undefined; keyFile: string | undefined; dataFolder: string },
  injected: CliInjected,
): Transport {
  const { node, keyFile, dataFolder } = options
  if (node === undefined) {
    const socketPath = join(dataFolder, CONTROL_SOCKET_NAME)
    return createUnixTransport({ socketPath, dataFolder })
  }
  if (keyFile === undefined) {
    throw new CodedError('USAGE', 'To ask another node, it must be known who asks.', {
      advice: 'Name your key: citynode --node URL --as FILE … It is made at its first use.',
    })
  }
  return createSigningTransport(createTcpTransport(node), () => injected.openSigner(keyFile))
}

function explainFailure(thrown: unknown, io: CliIo): ExitCode {
  // Whoever read the output has had enough: quietly done.
  if (thrown instanceof StdoutClosed) return EXIT.ok
  if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? EXIT.ok : EXIT.usage
  const output = new Output(io, { isJson: false })
  if (io.signal.aborted) {
    output.note('citynode: Interrupted. Nothing half-done was left behind.')
    return EXIT.interrupted
  }
  const error = asError(thrown)
  printFailure({ output }, error)
  if (!(error instanceof CodedError)) {
    output.note(`  This was not foreseen. Please report it:\n${error.stack ?? ''}`)
  }
  return exitCodeOf(error)
}
