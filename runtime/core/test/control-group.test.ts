// The texts of version 1 are recorded from a machine and from a Docker container; those of version 2 have the form and
// the keys of the kernel's documentation of it, with figures of the same container. Real kernels: memory-group.test.ts.
import { strict as assert } from 'node:assert';
import { locateMemoryGroups, readGroupMemory, readOomKills, type ReadGroupFile } from '../control-group.ts';

const hostMounts = `23 1 254:0 / / rw,relatime - ext4 /dev/vda rw
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
`;
const dockerMounts = `612 590 0:60 / / rw,relatime master:230 - overlay overlay rw,lowerdir=/l1:/l2
640 612 0:32 /docker/5f1c /sys/fs/cgroup/memory ro,nosuid,nodev,noexec,relatime master:11 - cgroup cgroup rw,memory
`;
const unifiedMounts = `612 590 0:60 / / rw,relatime - overlay overlay rw
640 612 0:26 / /sys/fs/cgroup ro,nosuid,nodev,noexec,relatime - cgroup2 cgroup rw,nsdelegate,memory_recursiveprot
`;

describe('where memory control groups lie', () => {
  const cases: { title: string; selfGroups: string; mounts: string; expected: ReturnType<typeof locateMemoryGroups> }[] = [
    {
      title: 'version 1, a process of the host: its group and those around it',
      selfGroups: '9:name=systemd:/\n4:memory:/jobs/one\n1:cpu:/\n0::/\n',
      mounts: hostMounts,
      expected: { version: 1, directories: ['/sys/fs/cgroup/memory/jobs/one', '/sys/fs/cgroup/memory/jobs', '/sys/fs/cgroup/memory'] },
    },
    {
      title: 'version 1, in a container: its own group is what is mounted',
      selfGroups: '4:memory:/docker/5f1c\n0::/\n',
      mounts: dockerMounts,
      expected: { version: 1, directories: ['/sys/fs/cgroup/memory'] },
    },
    {
      title: 'version 1, a group within a container',
      selfGroups: '4:memory:/docker/5f1c/inner\n',
      mounts: dockerMounts,
      expected: { version: 1, directories: ['/sys/fs/cgroup/memory/inner', '/sys/fs/cgroup/memory'] },
    },
    {
      title: 'version 1, controllers mounted together',
      selfGroups: '4:cpu,memory:/\n',
      mounts: '35 31 0:32 / /sys/fs/cgroup/cpu,memory rw - cgroup cgroup rw,cpu,memory\n',
      expected: { version: 1, directories: ['/sys/fs/cgroup/cpu,memory'] },
    },
    {
      title: 'version 2, in a container with a name space of groups',
      selfGroups: '0::/\n',
      mounts: unifiedMounts,
      expected: { version: 2, directories: ['/sys/fs/cgroup'] },
    },
    {
      title: 'version 2, a process of the host',
      selfGroups: '0::/system.slice/invoker.service\n',
      mounts: unifiedMounts,
      expected: { version: 2, directories: ['/sys/fs/cgroup/system.slice/invoker.service', '/sys/fs/cgroup/system.slice', '/sys/fs/cgroup'] },
    },
    {
      title: 'a path outside of what is mounted: the mounted group, which is the closest that can be seen',
      selfGroups: '0::/../other\n',
      mounts: unifiedMounts,
      expected: { version: 2, directories: ['/sys/fs/cgroup'] },
    },
    {
      title: 'a mount point with a blank in its name',
      selfGroups: '0::/a\n',
      mounts: '640 612 0:26 / /sys/fs/c\\040group rw - cgroup2 cgroup rw\n',
      expected: { version: 2, directories: ['/sys/fs/c group/a', '/sys/fs/c group'] },
    },
    {
      title: 'a mount over another: what can be seen is its group',
      selfGroups: '0::/jobs/one\n',
      mounts: '31 30 0:22 / /sys/fs/cgroup rw - cgroup2 none rw\n32 31 0:22 /jobs/one /sys/fs/cgroup rw - cgroup2 none rw\n',
      expected: { version: 2, directories: ['/sys/fs/cgroup'] },
    },
    { title: 'none mounted', selfGroups: '0::/\n', mounts: '612 590 0:60 / / rw - overlay overlay rw\n', expected: undefined },
    { title: 'texts that are not there', selfGroups: '', mounts: '', expected: undefined },
  ];
  for (const { title, selfGroups, mounts, expected } of cases) {
    it(title, () => {
      assert.deepEqual(locateMemoryGroups(selfGroups, mounts), expected);
    });
  }
});

const filesOf =
  (files: Record<string, string>): ReadGroupFile =>
  (name) =>
    files[name];

const version1 = {
  'memory.limit_in_bytes': '268435456\n',
  'memory.usage_in_bytes': '112087040\n',
  'memory.stat': `cache 20709376
rss 81810432
shmem 1048576
mapped_file 4194304
inactive_file 4980736
active_file 15724544
hierarchical_memory_limit 268435456
total_cache 20709376
total_rss 81810432
total_shmem 1048576
total_inactive_anon 1671168
total_active_anon 80012288
total_inactive_file 4980736
total_active_file 15724544
total_unevictable 0
`,
  'memory.oom_control': 'oom_kill_disable 0\nunder_oom 0\noom_kill 3\n',
};
const version2 = {
  'memory.max': '268435456\n',
  'memory.high': 'max\n',
  'memory.current': '112087040\n',
  'memory.stat': `anon 81810432
file 20709376
kernel 6291456
shmem 1048576
file_mapped 4194304
inactive_anon 1671168
active_anon 80012288
inactive_file 4980736
active_file 15724544
unevictable 0
slab_reclaimable 1000000
slab_unreclaimable 500000
`,
  'memory.events': 'low 0\nhigh 0\nmax 17\noom 4\noom_kill 3\noom_group_kill 0\n',
};

describe('how a memory control group stands', () => {
  it('version 1: what is charged, less the page cache of files', () => {
    assert.deepEqual(readGroupMemory(1, filesOf(version1)), { limitBytes: 268435456, usedBytes: 112087040 - 4980736 - 15724544 });
    assert.equal(readOomKills(1, filesOf(version1)), 3);
  });

  it('version 2: also less what the kernel can take back of its own', () => {
    assert.deepEqual(readGroupMemory(2, filesOf(version2)), { limitBytes: 268435456, usedBytes: 112087040 - 4980736 - 15724544 - 1000000 });
    assert.equal(readOomKills(2, filesOf(version2)), 3);
  });

  it('version 2: the mark beyond which processes are slowed down counts as the limit', () => {
    assert.equal(readGroupMemory(2, filesOf({ ...version2, 'memory.high': '134217728\n' }))?.limitBytes, 134217728);
  });

  it('has no state without a limit, which is said in two ways', () => {
    assert.equal(readGroupMemory(1, filesOf({ ...version1, 'memory.limit_in_bytes': '9223372036854771712\n' })), undefined);
    assert.equal(readGroupMemory(2, filesOf({ ...version2, 'memory.max': 'max\n' })), undefined);
  });

  it('is not known where the files are not, as in the root group of version 2', () => {
    assert.equal(readGroupMemory(1, filesOf({})), undefined);
    assert.equal(readGroupMemory(2, filesOf({ 'memory.stat': 'anon 1\n' })), undefined);
    assert.equal(readOomKills(2, filesOf({})), undefined);
  });
});
