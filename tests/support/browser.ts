// SPDX-License-Identifier: AGPL-3.0-or-later
/** A real browser, the system's own: the one that people have, not one made for tests. */
import { existsSync } from 'node:fs'
import { type Browser, chromium } from 'playwright-core'

const CHROMIUM = '/usr/bin/chromium'

/** Whether there is a browser here. Where CI requires what tests need, saying no is a failure. */
export function hasBrowser(): boolean {
  if (existsSync(CHROMIUM)) return true
  if (process.env['CITYNODE_REQUIRE_NETNS'] === '1') throw new Error(`${CHROMIUM} is missing`)
  return false
}

/**
 * @param foreignName a name of somebody's that leads to this machine, as after a DNS rebinding.
 * @param proxy the address of a proxy for everything, this machine's own addresses included.
 */
export function openBrowser(foreignName: string, proxy?: string): Promise<Browser> {
  return chromium.launch({
    executablePath: CHROMIUM,
    ...(proxy === undefined ? {} : { proxy: { server: proxy, bypass: '<-loopback>' } }),
    args: [
      // It may run as root, and nothing but our own pages is opened.
      '--no-sandbox',
      `--host-resolver-rules=MAP ${foreignName} 127.0.0.1`,
      '--autoplay-policy=no-user-gesture-required',
    ],
  })
}
