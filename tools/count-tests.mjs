// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Counts vitest's JSON report for .ci/run: prints `passed failed skipped`, and on stderr what is not
 * a plain failure. A namespace test that was skipped counts as failed, a file that could not be
 * loaded as one failed test.
 */
import { readFileSync } from 'node:fs'

const report = JSON.parse(readFileSync(process.argv[2], 'utf8'))
const counts = { passed: 0, failed: 0, skipped: 0 }

for (const file of report.testResults) {
  const isNamespaceTest = file.name.includes('/tests/netns/')
  if (
    file.status === 'failed' &&
    file.assertionResults.every(({ status }) => status !== 'failed')
  ) {
    counts.failed++
    console.error(`could not be run: ${file.name}: ${file.message}`)
  }
  for (const { status, fullName } of file.assertionResults) {
    if (status === 'passed') counts.passed++
    else if (status === 'failed') counts.failed++
    else if (isNamespaceTest) {
      counts.failed++
      console.error(`skipped, but must run here: ${fullName}`)
    } else counts.skipped++
  }
}
console.log(counts.passed, counts.failed, counts.skipped)
