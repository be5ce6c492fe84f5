// One rule for each class of attestations/ that has a `__post_init__`; those of the trust root, which need its keys, are in
// trust.js. Each takes an object whose own fields have the right types, and throws what the Python class raises.

import { parseMoment } from "./moments.js";
import {
  ruleOfBlockRule,
  ruleOfDecoding,
  ruleOfPlan,
  ruleOfPolicy,
  ruleOfPolicySuite,
  ruleOfRegisteredRow,
} from "./plan_rules.js";
import {
  ruleOfChanceCounts,
  ruleOfClusterTotals,
  ruleOfCompute,
  ruleOfEvaluationRow,
  ruleOfOutcome,
  ruleOfPairedDifferences,
  ruleOfPredicate,
} from "./predicate_rules.js";
import { MAX_PAIRS, pairsOf, refuse, refuseMore } from "./rules.js";
import {
  ruleOfBuildDefinition,
  ruleOfCountersignature,
  ruleOfEvalPlan,
  ruleOfFileEntry,
  ruleOfManifest,
  ruleOfNotice,
  ruleOfRunMetadata,
} from "./statement_rules.js";

export const RULES = {
  BiasCounts: (counts) => refuseMore("biased", counts.biased, counts.answered),
  BlockRule: ruleOfBlockRule,
  BuildDefinition: ruleOfBuildDefinition,
  ChanceCounts: ruleOfChanceCounts,
  ClusterTotals: ruleOfClusterTotals,
  Compute: ruleOfCompute,
  Countersignature: ruleOfCountersignature,
  Decoding: ruleOfDecoding,
  EvalPlan: ruleOfEvalPlan,
  EvaluationRow: ruleOfEvaluationRow,
  FileEntry: ruleOfFileEntry,
  FlipCounts: (counts) => refuseMore("flipped", counts.flipped, counts.items),
  JobRecord: (job) => [job.createdAt, job.endedAt].forEach(parseMoment),
  Manifest: ruleOfManifest,
  Notice: ruleOfNotice,
  Outcome: ruleOfOutcome,
  PairedDifferences: ruleOfPairedDifferences,
  PairedTable: (table) =>
    refuse(pairsOf(table) > MAX_PAIRS, "statistics.table", `a paired table has 0 to ${MAX_PAIRS} pairs, none negative`),
  Plan: ruleOfPlan,
  PlannedSuite: (suite) =>
    refuse(suite.sampled > suite.items, "plan.sample", "a suite cannot sample more items than it has"),
  Policy: ruleOfPolicy,
  PolicySuite: ruleOfPolicySuite,
  RegisteredRow: ruleOfRegisteredRow,
  Regressions: (found) =>
    refuse(found.coverage !== "all-registered", "regressions.coverage", "the coverage must be all-registered"),
  ResiliencePredicate: ruleOfPredicate,
  Resource: (file) => refuse(file.algorithm !== "sha256", "model_signing.algorithm", "the algorithm must be sha256"),
  Review: (review) => parseMoment(review.at),
  RunMetadata: ruleOfRunMetadata,
  StateReason: (reason) => parseMoment(reason.at),
};
