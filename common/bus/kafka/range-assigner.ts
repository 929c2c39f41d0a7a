// Which member of a group reads which partition. kafkajs brings one assigner of its own name, which Java clients do not
// know and which gives members topics that they never asked for; this one is Java's default, `range`: each topic's
// partitions in contiguous runs over the members that subscribe to it. So a Java member and ours can share a group for the
// moment in which one takes the other's place.
import { AssignerProtocol, type Assigner, type Cluster, type PartitionAssigner } from 'kafkajs';

const [name, version] = ['range', 0];
const userData = Buffer.alloc(0);

/** Partitions `0 … count-1` over `members` (sorted): the first ones get one more when it does not come out even. */
export function assignRange(members: readonly string[], count: number): Map<string, number[]> {
  const share = Math.floor(count / members.length);
  const larger = count % members.length;
  let next = 0;
  return new Map(
    members.map((member, index) => {
      const size = share + (index < larger ? 1 : 0);
      const partitions = Array.from({ length: size }, (_, offset) => next + offset);
      next += size;
      return [member, partitions];
    }),
  );
}

function createAssigner(cluster: Cluster): Assigner {
  return {
    name,
    version,
    protocol: ({ topics }) => ({ name, metadata: AssignerProtocol.MemberMetadata.encode({ version, topics, userData }) }),
    assign: async ({ members }) => {
      const membersOf = new Map<string, string[]>();
      for (const { memberId, memberMetadata } of [...members].sort((a, b) => (a.memberId < b.memberId ? -1 : 1))) {
        for (const topic of AssignerProtocol.MemberMetadata.decode(memberMetadata)?.topics ?? []) membersOf.set(topic, [...(membersOf.get(topic) ?? []), memberId]);
      }
      await cluster.addMultipleTargetTopics([...membersOf.keys()]);
      const assignments = new Map(members.map(({ memberId }) => [memberId, {} as Record<string, number[]>]));
      for (const [topic, subscribers] of membersOf) {
        for (const [memberId, partitions] of assignRange(subscribers, cluster.findTopicPartitionMetadata(topic).length)) {
          const assignment = assignments.get(memberId);
          if (assignment !== undefined && partitions.length > 0) assignment[topic] = partitions;
        }
      }
      return [...assignments].map(([memberId, assignment]) => ({ memberId, memberAssignment: AssignerProtocol.MemberAssignment.encode({ version, assignment, userData }) }));
    },
  };
}

export const rangeAssigner: PartitionAssigner = ({ cluster }) => createAssigner(cluster);
