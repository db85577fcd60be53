export * from './cgroup.ts'
export * from './held-output.ts'
export * from './link-tree.ts'
export * from './scratch-disk.ts'
