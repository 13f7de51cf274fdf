// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * A restore whose power goes before the n-th thing that it does to the disk. See
 * identity-restore.test.ts. Prints how many there are when it gets to the end.
 */
import { createHash } from 'node:crypto'
import files from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { identityOfSeed } from '../../src/identity/node-identity.ts'
import { finishRestore, restoreIdentity } from '../../src/identity/restore.ts'

const [command, folder = '', cutBefore = '0'] = process.argv.slice(2)
let stepsCount = 0

function step(): void {
  stepsCount++
  if (stepsCount === Number(cutBefore)) process.kill(process.pid, 'SIGKILL')
}

/** What changes a disk, on the module and on open files. */
const handle = await files.open(new URL(import.meta.url), 'r')
const handles = Object.getPrototypeOf(handle)
await handle.close()
for (const [owner, names] of [
  [files, ['open', 'link', 'rename', 'unlink', 'rm', 'mkdtemp', 'mkdir']],
  [handles, ['writeFile', 'sync', 'chmod']],
] as const) {
  for (const name of names) {
    const real = Reflect.get(owner, name)
    Reflect.set(owner, name, function (this: unknown, ...args: unknown[]) {
      step()
      return Reflect.apply(real, this, args)
    })
  }
}
syncBuiltinESMExports()

if (command === 'finish') {
  await finishRestore(folder)
} else {
  const identity = identityOfSeed(createHash('sha256').update('restored').digest())
  await restoreIdentity(folder, identity, { 'citynode.toml': '[city]\nid = "lisbon"\n' })
}
process.stdout.write(String(stepsCount))
