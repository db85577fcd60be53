import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { err, ok, type Result } from '@weft/contracts'
import type { MasterKeys } from './master-keys.ts'

/** Why an envelope stays closed. */
export type SealProblem =
  | { readonly kind: 'unknown-key'; readonly keyId: string }
  /** Changed, or made for another resource. */
  | { readonly kind: 'refused'; readonly keyId: string }

/**
 * Envelope encryption: each secret has a data key of its own (AES-256-GCM), which a master key wraps (AES-256-GCM). Both are
 * bound to the resource that the secret belongs to, so an envelope moved to another one stays closed.
 *
 *     weft1.<master key id>.<wrapped data key>.<sealed text>      base64url: 12 bytes nonce, ciphertext, 16 bytes tag
 */
export class Sealer {
  readonly #keys: MasterKeys

  constructor(keys: MasterKeys) {
    this.#keys = keys
  }

  seal(text: string, resource: string): string {
    const dataKey = randomBytes(keyBytes)
    return `${this.#wrap(dataKey, resource)}.${encrypt(dataKey, Buffer.from(text), bodyContext(resource))}`
  }

  open(envelope: string, resource: string): Result<string, SealProblem> {
    const parts = this.#unwrap(envelope, resource)
    if (!parts.ok) return parts
    const { keyId, dataKey, body } = parts.value
    const text = decrypt(dataKey, body, bodyContext(resource))
    return text ? ok(text.toString()) : err({ kind: 'refused', keyId })
  }

  /** The same secret under the newest master key; the secret itself is not opened. */
  rewrap(envelope: string, resource: string): Result<string, SealProblem> {
    const parts = this.#unwrap(envelope, resource)
    if (!parts.ok) return parts
    if (parts.value.keyId === this.#keys.newest().id) return ok(envelope)
    return ok(`${this.#wrap(parts.value.dataKey, resource)}.${parts.value.body}`)
  }

  #wrap(dataKey: Buffer, resource: string): string {
    const { id, key } = this.#keys.newest()
    return `${version}.${id}.${encrypt(key, dataKey, keyContext(id, resource))}`
  }

  #unwrap(envelope: string, resource: string): Result<{ keyId: string; dataKey: Buffer; body: string }, SealProblem> {
    const [mark, keyId = '', wrapped = '', body = '', ...rest] = envelope.split('.')
    if (mark !== version || rest.length > 0) return err({ kind: 'refused', keyId })
    const master = this.#keys.find(keyId)
    if (!master) return err({ kind: 'unknown-key', keyId })
    const dataKey = decrypt(master.key, wrapped, keyContext(keyId, resource))
    return dataKey?.byteLength === keyBytes ? ok({ keyId, dataKey, body }) : err({ kind: 'refused', keyId })
  }
}

/** Id of the master key that an envelope is under. */
export const masterKeyIdOf = (envelope: string): string => envelope.split('.')[1] ?? ''

const version = 'weft1'
const algorithm = 'aes-256-gcm'
const keyBytes = 32
const nonceBytes = 12
const tagBytes = 16

const keyContext = (keyId: string, resource: string): string => `data key\n${keyId}\n${resource}`
const bodyContext = (resource: string): string => `secret\n${resource}`

function encrypt(key: Buffer, plain: Buffer, context: string): string {
  const nonce = randomBytes(nonceBytes)
  const cipher = createCipheriv(algorithm, key, nonce, { authTagLength: tagBytes }).setAAD(Buffer.from(context))
  const sealed = Buffer.concat([cipher.update(plain), cipher.final()])
  return Buffer.concat([nonce, sealed, cipher.getAuthTag()]).toString('base64url')
}

/** Undefined when key, context or text are not what was sealed. */
function decrypt(key: Buffer, text: string, context: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64url')
  if (bytes.byteLength < nonceBytes + tagBytes) return undefined
  const end = bytes.byteLength - tagBytes
  const decipher = createDecipheriv(algorithm, key, bytes.subarray(0, nonceBytes), { authTagLength: tagBytes })
    .setAAD(Buffer.from(context))
    .setAuthTag(bytes.subarray(end))
  try {
    return Buffer.concat([decipher.update(bytes.subarray(nonceBytes, end)), decipher.final()])
  } catch {
    // The one thing that final() tells by throwing: the tag does not fit.
    return undefined
  }
}
