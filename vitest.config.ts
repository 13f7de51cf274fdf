// SPDX-License-Identifier: AGPL-3.0-or-later
/** The test projects: one a kind of test, by the folder that it is in. */
import { defineConfig } from 'vitest/config'

/** One project a kind of test, so that `npm test -- --project unit` runs just those. */
const kinds = ['tidy', 'unit', 'contract', 'integration', 'sim', 'netns', 'e2e'] as const

/** Real programs, or hundreds of restarts in one test. */
const SLOW: readonly string[] = ['netns', 'e2e', 'sim']

export default defineConfig({
  test: {
    projects: kinds.map((kind) => ({
      test: {
        name: kind,
        include: [`tests/${kind}/**/*.test.ts`],
        environment: 'node',
        testTimeout: SLOW.includes(kind) ? 120_000 : 20_000,
        hookTimeout: 120_000,
        fileParallelism: kind !== 'netns',
      },
    })),
  },
})
