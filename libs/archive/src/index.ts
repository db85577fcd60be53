export * from './read-zip.ts'
export * from './signature/package-signature.ts'
export { publicJwk, thumbprint } from './signature/public-keys.ts'
export * from './unpack-zip.ts'
