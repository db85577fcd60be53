import { accountId, type FabricRecord, functionName } from '@weft/contracts'

/** A record for tests. */
export const invocation = (extra: Partial<Extract<FabricRecord, { type: 'invocation' }>> = {}): FabricRecord => ({
  type: 'invocation',
  requestId: 'r1',
  accountId: accountId('000000000000'),
  functionName: functionName('hello'),
  version: '$LATEST',
  source: 'sync',
  attempt: 1,
  workerId: 'w1',
  sandboxId: 's1',
  startedAtMs: 1_700_000_000_000,
  acceptedAtMs: 1_699_999_999_999,
  durationMs: 10,
  billedDurationMs: 10,
  initDurationMs: 0,
  memoryMb: 512,
  maxMemoryUsedMb: 40,
  status: 'success',
  errorType: '',
  coldStart: false,
  requestBytes: 2,
  responseBytes: 4,
  ...extra,
})
