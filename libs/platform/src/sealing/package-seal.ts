import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto'

/** A package as it lies in the store where its owner wants it sealed. */
export interface SealedPackage {
  /** 12 bytes nonce, ciphertext, 16 bytes tag (AES-256-GCM). */
  readonly bytes: Buffer
  /** Lower-case hex SHA-256 of these bytes: their name in the store. */
  readonly digest: string
  /** Base64; made for this package alone. */
  readonly key: string
}

const algorithm = 'aes-256-gcm'
const [nonceBytes, tagBytes, keyBytes] = [12, 16, 32]

export function sealPackage(zip: Uint8Array): SealedPackage {
  const key = randomBytes(keyBytes)
  const nonce = randomBytes(nonceBytes)
  const cipher = createCipheriv(algorithm, key, nonce)
  const bytes = Buffer.concat([nonce, cipher.update(zip), cipher.final(), cipher.getAuthTag()])
  return { bytes, digest: createHash('sha256').update(bytes).digest('hex'), key: key.toString('base64') }
}

/** Throws when the key is another one's, or the bytes are not as they were sealed. */
export function openPackage(bytes: Uint8Array, key: string): Buffer {
  const decipher = createDecipheriv(algorithm, Buffer.from(key, 'base64'), bytes.subarray(0, nonceBytes))
  decipher.setAuthTag(bytes.subarray(-tagBytes))
  return Buffer.concat([decipher.update(bytes.subarray(nonceBytes, -tagBytes)), decipher.final()])
}
