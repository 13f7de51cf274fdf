// SPDX-License-Identifier: AGPL-3.0-or-later
/** What axe-core finds wrong on a page, for those who do not see it or do not use a mouse. */
import axe from 'axe-core'
import type { Page } from 'playwright-core'

/** One line each, empty where nothing is wrong. */
export async function findAxeViolations(page: Page): Promise<readonly string[]> {
  // By the debugger, which the page's policy does not concern; once a page, as it is half a megabyte.
  const isThere = await page.evaluate<boolean>(`'axe' in globalThis`)
  if (!isThere) await page.evaluate(axe.source)
  const lines: unknown = await page.evaluate(`axe.run(document).then(({ violations }) =>
    violations.flatMap(({ id, nodes }) => nodes.map((node) =>
      id + ' at ' + node.target.join(' ') + ': ' + node.html.slice(0, 120))))`)
  return Array.isArray(lines) ? lines.map(String) : ['axe did not answer']
}
