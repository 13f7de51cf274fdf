// SPDX-License-Identifier: AGPL-3.0-or-later
/** What can be counted at the gateway for people, named once. */
import type { Counter, Metrics } from '../../base/base.ts'

export interface GatewayMetrics {
  responses: Counter
  servedBytes: Counter
}

export function createGatewayMetrics(
  metrics: Metrics,
  responsesCount: () => number,
): GatewayMetrics {
  metrics.observedGauge(
    'citynode_api_gateway_responses',
    'Responses of the gateway for people that are under way.',
    responsesCount,
  )
  return {
    responses: metrics.counter(
      'citynode_api_gateway_responses_total',
      'Responses of the gateway for people, by HTTP status.',
      ['status'],
    ),
    servedBytes: metrics.counter(
      'citynode_api_gateway_served_bytes_total',
      'Bytes of files that the gateway for people handed over whole.',
    ),
  }
}
