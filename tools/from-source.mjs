// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * The program straight from its sources, without a build: for developers and tests. Takes the same
 * arguments as `citynode`. No static import and no new syntax here: a Node that cannot read TypeScript
 * must get as far as the message.
 */
const major = Number(process.versions.node.split('.')[0])

if (major < 24) {
  console.error(
    'The sources of citynode need Node 24 and this is Node ' +
      process.versions.node +
      '. Use `npm run citynode -- ARGUMENTS` in the clone instead: it brings its own Node.',
  )
  process.exitCode = 7
} else {
  // Not caught: what main throws ends the process with its stack.
  void import('../src/node/main.ts').then((program) => program.main())
}
