import type { InputTransformer, TriggerTarget } from '@weft/contracts'
import { err, ok, type Result } from '@weft/contracts'
import type { BusEvent } from './bus-event.ts'

/** What of an event a rule's target gets, and what templates may say besides. */
export interface RuleContext {
  readonly ruleArn: string
  readonly ruleName: string
  /** Epoch ms at which the bus took the event. */
  readonly ingestedAtMs: number
}

/** The payload of a rule's target, JSON or, from a template that makes none, text. */
export function targetInput(
  target: Pick<TriggerTarget, 'input' | 'inputPath' | 'inputTransformer'>,
  event: BusEvent,
  context: RuleContext,
): string {
  if (target.input !== undefined) return target.input
  if (target.inputPath !== undefined) return JSON.stringify(valueAt(event, target.inputPath) ?? {})
  if (target.inputTransformer) return transformed(target.inputTransformer, event, context)
  return JSON.stringify(event)
}

type Step = string | number

/** `$`, `.name`, `['name']` and `[index]`: the part of JSONPath that EventBridge takes. Undefined: not such a path. */
export function parsePath(path: string): readonly Step[] | undefined {
  if (!path.startsWith('$')) return undefined
  const steps: Step[] = []
  const step = /\.([A-Za-z0-9_-]+)|\[(\d{1,9})\]|\['([^']*)'\]/y
  for (step.lastIndex = 1; step.lastIndex < path.length; ) {
    const found = step.exec(path)
    if (!found) return undefined
    steps.push(found[1] ?? found[3] ?? Number(found[2]))
  }
  return steps
}

function valueAt(event: unknown, path: string): unknown {
  let value = event
  for (const step of parsePath(path) ?? []) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined
    value = (value as Record<Step, unknown>)[step]
  }
  return value
}

const placeholder = /<([A-Za-z0-9_.-]+)>/g

/** Checks what a user gives as transformer; the error is the reason for people. */
export function checkTransformer({ paths, template }: InputTransformer): Result<void, string> {
  for (const [name, path] of Object.entries(paths)) {
    if (!/^[A-Za-z0-9_-]+$/.test(name)) return err(`Invalid InputPathsMap key ${name}.`)
    if (name.startsWith('AWS')) return err(`InputPathsMap key ${name} is reserved.`)
    if (!parsePath(path)) return err(`Invalid path ${path} for ${name}.`)
  }
  for (const [, name = ''] of template.matchAll(placeholder))
    if (!Object.hasOwn(paths, name) && !predefined.has(name))
      return err(`Invalid InputTemplate: placeholder <${name}> is not defined in InputPathsMap.`)
  return ok(undefined)
}

const predefined = new Set([
  'aws.events.rule-arn',
  'aws.events.rule-name',
  'aws.events.event.ingestion-time',
  'aws.events.event',
  'aws.events.event.json',
])

/**
 * Fills a template. Within quotes a text stands as it is and everything else as JSON with its quotes escaped; outside of
 * quotes every value stands as JSON. User guide, "Input transformation".
 */
function transformed({ paths, template }: InputTransformer, event: BusEvent, context: RuleContext): string {
  const value = (name: string): unknown => {
    switch (name) {
      case 'aws.events.rule-arn':
        return context.ruleArn
      case 'aws.events.rule-name':
        return context.ruleName
      case 'aws.events.event.ingestion-time':
        return new Date(context.ingestedAtMs).toISOString()
      case 'aws.events.event': {
        const { detail: _, ...rest } = event
        return rest
      }
      case 'aws.events.event.json':
        return event
      default:
        return valueAt(event, paths[name] ?? '')
    }
  }
  const filled = template.replace(placeholder, (_, name: string, at: number) => {
    const found = value(name)
    if (!insideQuotes(template, at)) return found === undefined ? '""' : JSON.stringify(found)
    if (found === undefined) return ''
    return escaped(typeof found === 'string' ? found : JSON.stringify(found))
  })
  // A template of text alone, without quotes of its own, is sent as a JSON string.
  return isJson(filled) ? filled : JSON.stringify(filled)
}

const escaped = (text: string): string => JSON.stringify(text).slice(1, -1)

/** Whether the place lies within a JSON string of the template. */
function insideQuotes(template: string, at: number): boolean {
  let inside = false
  for (let i = 0; i < at; i++) {
    if (template[i] === '\\' && inside) i += 1
    else if (template[i] === '"') inside = !inside
  }
  return inside
}

export function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
