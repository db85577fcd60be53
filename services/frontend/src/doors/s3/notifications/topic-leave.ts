import { bucketArn, type Topic } from '@weft/contracts'
import { type CompiledPolicy, compilePolicy, evaluate } from '@weft/policy'

const compiled = new WeakMap<Topic, CompiledPolicy>()
const nothing: CompiledPolicy = { statements: [] }

function policyOf(topic: Topic, text: string): CompiledPolicy {
  const known = compiled.get(topic)
  if (known) return known
  // It was checked before it was kept; one that cannot be read grants nothing.
  const made = compilePolicy(JSON.parse(text), 'resource')
  const policy = made.ok ? made.value : nothing
  compiled.set(topic, policy)
  return policy
}

/**
 * Whether a bucket may publish to a topic of its account: to one without a policy, as the account's own; else as the policy
 * says of `s3.amazonaws.com` for the bucket.
 */
export function bucketMayPublish(topic: Topic, topicArn: string, bucket: string): boolean {
  if (topic.policy === undefined) return true
  const service = 's3.amazonaws.com'
  const values: Readonly<Record<string, string>> = {
    'aws:sourcearn': bucketArn(bucket),
    'aws:sourceaccount': topic.accountId,
    'aws:principalservicename': service,
    'aws:principalisawsservice': 'true',
  }
  const context = (key: string): string | undefined => (Object.hasOwn(values, key) ? values[key] : undefined)
  const request = { subject: { service }, action: 'sns:Publish', resource: topicArn, context }
  return evaluate([policyOf(topic, topic.policy)], request).kind === 'allow'
}
