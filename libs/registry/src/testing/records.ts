import { accountId, type FunctionRecord, functionArn, functionName } from '@weft/contracts'
import { createFunction } from '../functions.ts'

const owner = accountId('123456789012')

/** A function with AWS's defaults, for tests. */
export function recordNamed(name: string): FunctionRecord {
  const made = createFunction(
    undefined,
    { FunctionName: name, Runtime: 'nodejs24.x', Handler: 'index.handler', Role: `arn:aws:iam::${owner}:role/r` },
    { code: { digest: 'ab', sha256: 'q83v', sizeBytes: 10 } },
    { accountId: owner, region: 'us-east-1' },
    { runtimes: ['nodejs24.x'], architectures: ['x86_64'] },
    { nowMs: 0, revisionId: `revision of ${functionArn('us-east-1', owner, functionName(name))}` },
  )
  if (!made.ok) throw new Error(made.error.message)
  return made.value
}
