// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * What every npm script starts. No static import and no new syntax here, so that a Node too old for
 * the rest still gets to read out what to do.
 */
const major = Number(process.versions.node.split('.')[0])

if (major < 18) {
  console.error(
    'citynode installs its own Node 24, but needs Node 18 or later to begin with; this is Node ' +
      process.versions.node +
      '. Install Node 20 or later with npm (on Debian: nodejs and npm), then try again.',
  )
  process.exitCode = 7
} else {
  import('./launcher.mjs')
    .then((launcher) => launcher.run(process.argv.slice(2)))
    .catch((error) => {
      console.error(error)
      process.exitCode = 1
    })
}
