// SPDX-License-Identifier: AGPL-3.0-or-later
/** The test projects: one a kind of test, by the folder that it is in. */
import { defineConfig } from 'vitest/config'

/** One project a kind of test, so that `npm test -- --project unit` runs just those. */
const kinds = ['tidy', 'unit', 'contract', 'integration', 'netns', 'e2e'] as const

export default defineConfig({
  test: {
    projects: kinds.map((kind) => ({
      test: {
        name: kind,
        include: [`tests/${kind}/**/*.test.ts`],
        environment: 'node',
        testTimeout: kind === 'netns' || kind === 'e2e' ? 120_000 : 20_000,
        hookTimeout: 120_000,
        fileParallelism: kind !== 'netns',
      },
    })),
  },
})
