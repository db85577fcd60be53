import type { EventRule } from '@weft/contracts'
import {
  type BusDelivery,
  type Pattern,
  type Posted,
  parsePattern,
  type TriggerIndex,
  targetInput,
} from '@weft/delivery'
import { type Outgoing, senderOf } from './deliver.ts'

const patterns = new WeakMap<EventRule, Pattern | undefined>()

/** The rule's pattern, read once for as long as the record lives; undefined where a rule has a schedule only. */
function patternOf(rule: EventRule): Pattern | undefined {
  if (!patterns.has(rule)) {
    const parsed = rule.eventPattern === undefined ? undefined : parsePattern(rule.eventPattern)
    patterns.set(rule, parsed?.ok ? parsed.value : undefined)
  }
  return patterns.get(rule)
}

/** What an event of a bus becomes: one thing for each target of each rule that matches it. */
export function* followRules(
  { triggers, region }: { readonly triggers: TriggerIndex; readonly region: string },
  { accountId, bus, event }: Extract<Posted, { kind: 'event' }>,
  { storedAtMs }: Pick<BusDelivery, 'storedAtMs'>,
): Iterable<Outgoing> {
  for (const rule of triggers.rules(accountId, bus)) {
    if (!rule.enabled || !patternOf(rule)?.matches(event)) continue
    const from = senderOf(region, rule)
    const context = { ruleArn: from.arn, ruleName: rule.name, ingestedAtMs: storedAtMs }
    for (const target of rule.targets) {
      const messageId = `${event.id}-${rule.name}-${target.id}`
      yield { from, target, payload: targetInput(target, event, context), messageId }
    }
  }
}
