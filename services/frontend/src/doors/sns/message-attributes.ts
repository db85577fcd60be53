import type { MessageAttribute } from '@weft/delivery'
import { ServiceRefusal } from '../json/refusal.ts'
import type { Params } from '../query/params.ts'
import { anyText, invalid } from './context.ts'

/** `String`, `Number.int`, `Binary.jpg`, `String.Array` … */
const typePattern = /^(String|Number|Binary)(\.[\w.-]{1,256})?$/

const refuse = (message: string): ServiceRefusal => new ServiceRefusal('ParameterValueInvalid', message)

/** SNS developer guide, "Message attributes": names have letters, digits, `_`, `-` and `.`, none of those at an end. */
function checkName(name: string): void {
  if (name.length > 256) throw invalid('Length of message attribute name must be less than 256 bytes.')
  if (!/^[\w.-]+$/.test(name))
    throw invalid('Invalid non-alphanumeric character was found in the message attribute name.')
  if (/^\.|\.$|\.\./.test(name))
    throw invalid('Message attribute name can not start or end with a period, or have two in a row.')
  if (/^(aws|amazon)\./i.test(name)) throw invalid('Message attribute name can not start with a reserved prefix.')
}

/** `MessageAttributes.entry.1.Name`, `.Value.DataType` and `.Value.StringValue` or `.Value.BinaryValue`. */
export function readMessageAttributes(params: Params, prefix: string): Readonly<Record<string, MessageAttribute>> {
  const found = new Map<string, MessageAttribute>()
  for (const entry of params.elements(`${prefix}MessageAttributes`, 'entry', 'Name')) {
    const name = params.required(`${entry}.Name`, anyText)
    checkName(name)
    if (found.has(name)) throw invalid(`MessageAttributes Reason: ${name} is given twice`)
    found.set(name, readValue(params, name, `${entry}.Value`))
  }
  return Object.fromEntries(found)
}

function readValue(params: Params, name: string, at: string): MessageAttribute {
  const Type = params.optional(`${at}.DataType`, anyText) ?? ''
  if (Type === '') throw refuse(`The message attribute '${name}' must contain non-empty message attribute type.`)
  const [kind] = Type.split('.')
  if (!typePattern.test(Type))
    throw refuse(
      `The message attribute '${name}' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String.`,
    )
  const Value = params.optional(`${at}.${kind === 'Binary' ? 'BinaryValue' : 'StringValue'}`, anyText) ?? ''
  if (Value === '')
    throw refuse(
      `The message attribute '${name}' must contain non-empty message attribute value for message attribute type '${Type}'.`,
    )
  if (kind === 'Number' && !/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(Value))
    throw refuse(`Could not cast message attribute '${name}' value to number.`)
  return { Type, Value }
}
