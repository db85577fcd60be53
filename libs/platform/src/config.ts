import { err, ok, type Result } from '@weft/contracts'
import { z } from 'zod'

/** One setting: where it comes from and which values it takes. Built by `setting` and `secretSetting`. */
export interface Setting<S extends z.ZodType = z.ZodType> {
  /** Name of the environment variable, or of the flag. */
  readonly name: string
  readonly schema: S
  /** The value never appears in a message. */
  readonly secret: boolean
}

export const setting = <S extends z.ZodType>(name: string, schema: S): Setting<S> => ({ name, schema, secret: false })
export const secretSetting = <S extends z.ZodType>(name: string, schema: S): Setting<S> => ({
  name,
  schema,
  secret: true,
})

export type ConfigOf<F extends Record<string, Setting>> = { readonly [K in keyof F]: z.output<F[K]['schema']> }

/** Longer values are cut in messages. */
const shownCharacters = 80

const shown = (one: Setting, value: string | undefined): string => {
  if (value === undefined) return 'is not set'
  if (one.secret) return 'has a value (not shown)'
  return `is ${JSON.stringify(value.length > shownCharacters ? `${value.slice(0, shownCharacters)}…` : value)}`
}

/**
 * Reads every setting once into a frozen object. All problems are told at once, a line each, naming the variable, its
 * value (never a secret's) and the rule. An empty string counts as not set, as compose files write it. `check` compares
 * settings with one another and returns such lines too.
 */
export function readConfig<F extends Record<string, Setting>>(
  fields: F,
  source: Readonly<Record<string, string | undefined>>,
  check?: (config: ConfigOf<F>) => readonly string[],
): Result<ConfigOf<F>, readonly string[]> {
  const problems: string[] = []
  const values: Record<string, unknown> = {}
  for (const [key, one] of Object.entries(fields)) {
    const text = source[one.name] === '' ? undefined : source[one.name]
    const parsed = one.schema.safeParse(text)
    if (parsed.success) values[key] = parsed.data
    else {
      const rules = text === undefined ? ['a value is required'] : parsed.error.issues.map((issue) => issue.message)
      problems.push(`${one.name} ${shown(one, text)}: ${one.secret ? safeRules(rules, text) : rules.join('; ')}`)
    }
  }
  if (problems.length > 0) return err(problems)
  const config = Object.freeze(values) as ConfigOf<F>
  const more = check?.(config) ?? []
  return more.length > 0 ? err(more) : ok(config)
}

/** A custom rule may quote what it refuses; for a secret the quote is taken out. */
const safeRules = (rules: readonly string[], value: string | undefined): string =>
  rules.map((rule) => (value === undefined ? rule : rule.replaceAll(value, '…'))).join('; ')

const integer = (least: number, most: number, unit: string) =>
  z
    .string()
    .regex(/^\d{1,15}$/, `must be a whole number${unit}`)
    .transform(Number)
    .refine((n) => n >= least && n <= most, `must be from ${least} to ${most}${unit}`)

/** Schemas for the values that settings are made of. Each takes text. */
export const settings = {
  /** TCP port; 0 lets the system choose. */
  port: integer(0, 65_535, ''),
  integer: (least: number, most: number) => integer(least, most, ''),
  /** Whole milliseconds. */
  milliseconds: (least: number, most: number) => integer(least, most, ' (milliseconds)'),
  flag: z
    .enum(['true', 'false', '1', '0'], 'must be true, false, 1 or 0')
    .transform((text) => text === 'true' || text === '1'),
  text: z.string().min(1),
  /** Items between commas, trimmed, none empty. */
  list: z.string().transform((text) =>
    text
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== ''),
  ),
  logLevel: z.enum(
    ['trace', 'debug', 'info', 'warn', 'error', 'fatal'],
    'must be trace, debug, info, warn, error or fatal',
  ),
} as const
