// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Builds the page for browsers: `node tools/build-page.mjs ROOT FOLDER`. Vite bundles what is in
 * src/web/page; beside each file that is worth it lie its `.gz` and `.br`, so that the node, a slow
 * machine, compresses nothing while it serves. A part of tools/build.mjs, run by Node 24.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'

/** Browsers of 2023 and later: a phone that is still updated has one. */
const TARGETS = ['chrome115', 'firefox115', 'safari16.4']
/** What shrinks; pictures have shrunk already. */
const COMPRESSIBLE = /\.(?:css|html|js|json|svg|txt)$/

/** zod brings its messages in fifty languages along; the page has words of its own. */
const onlyEnglish = {
  name: 'only-english',
  load(id) {
    const isIndex = /[\\/]zod[\\/]v4[\\/]locales[\\/]index\.js$/.test(id)
    return isIndex ? "export { default as en } from './en.js'" : null
  },
}

/** @param {{root: string, folder: string}} options */
export async function buildPage({ root, folder }) {
  // From the clone's own modules, wherever this script is called from.
  const { resolve: find } = createRequire(join(root, 'package.json'))
  const vite = await import(pathToFileURL(find('vite')).href)
  await vite.build({
    root: join(root, 'src', 'web', 'page'),
    configFile: false,
    envFile: false,
    publicDir: false,
    logLevel: 'error',
    plugins: [onlyEnglish],
    oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
    build: {
      outDir: folder,
      emptyOutDir: true,
      target: TARGETS,
      // A `data:` address would be one more thing that the policy has to allow.
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
      reportCompressedSize: false,
      license: { fileName: 'licences.json' },
    },
  })
  compressBelow(folder)
}

function compressBelow(folder) {
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !COMPRESSIBLE.test(entry.name)) continue
    const path = join(entry.parentPath, entry.name)
    const bytes = readFileSync(path)
    writeFileSync(`${path}.gz`, gzipSync(bytes, { level: 9 }))
    const size = { [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length }
    writeFileSync(`${path}.br`, brotliCompressSync(bytes, { params: size }))
  }
}

const [, , root, folder] = process.argv
if (root !== undefined && folder !== undefined) {
  buildPage({ root: resolve(root), folder: resolve(folder) }).catch((error) => {
    console.error(error)
    process.exitCode = 1
  })
}
