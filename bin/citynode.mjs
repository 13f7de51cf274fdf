#!/usr/bin/env node
// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * The command `citynode` in a clone: finds the Node 24 and the build, and hands over. Written so that
 * any Node from 12 on can read it, because the first thing it may have to say is what to install.
 */
const NOT_STARTED = 7

function complain(message) {
  console.error(message)
  process.exitCode = NOT_STARTED
}

if (Number(process.versions.node.split('.')[0]) < 18) {
  complain(
    'citynode brings its own Node 24, but needs Node 18 or later to find it; this is Node ' +
      process.versions.node +
      '. Install Node 20 or later (on Debian: nodejs and npm), then try again.',
  )
} else {
  import('../tools/launcher.mjs')
    .then((launcher) => launcher.runInstalled(process.argv.slice(2)))
    .catch((error) => {
      complain(`citynode could not be started: ${error.message}`)
    })
}
