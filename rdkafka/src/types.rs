//! Codes, by rust-rdkafka's names.

use std::error::Error;
use std::fmt;

use fencepost_protocol::error::ErrorCode;

macro_rules! codes {
    ($($name:ident = $code:literal,)*) => {
        /// An error code: negative ones are the client's own.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(i32)]
        #[non_exhaustive]
        #[expect(missing_docs, reason = "they are librdkafka's and Kafka's")]
        pub enum RDKafkaErrorCode { $($name = $code,)* }

        impl RDKafkaErrorCode {
            pub(crate) fn from_number(code: i32) -> RDKafkaErrorCode {
                match code { $($code => RDKafkaErrorCode::$name,)* _ => RDKafkaErrorCode::Unknown }
            }
        }
    };
}

codes! {
    BadMessage = -199, BadCompression = -198, BrokerDestroy = -197, Fail = -196, BrokerTransportFailure = -195,
    CriticalSystemResource = -194, Resolve = -193, MessageTimedOut = -192, PartitionEOF = -191,
    UnknownPartition = -190, FileSystem = -189, UnknownTopic = -188, AllBrokersDown = -187, InvalidArgument = -186,
    OperationTimedOut = -185, QueueFull = -184, ISRInsufficient = -183, NodeUpdate = -182, SSL = -181,
    WaitingForCoordinator = -180, UnknownGroup = -179, InProgress = -178, PreviousInProgress = -177,
    ExistingSubscription = -176, AssignPartitions = -175, RevokePartitions = -174, Conflict = -173, State = -172,
    UnknownProtocol = -171, NotImplemented = -170, Authentication = -169, NoOffset = -168, Outdated = -167,
    TimedOutQueue = -166, UnsupportedFeature = -165, WaitCache = -164, Interrupted = -163, KeySerialization = -162,
    ValueSerialization = -161, KeyDeserialization = -160, ValueDeserialization = -159, Partial = -158,
    ReadOnly = -157, NoEnt = -156, Underflow = -155, InvalidType = -154, Retry = -153, PurgeQueue = -152,
    PurgeInflight = -151, Fatal = -150, Inconsistent = -149, GaplessGuarantee = -148, PollExceeded = -147,
    UnknownBroker = -146, NotConfigured = -145, Fenced = -144, Application = -143, AssignmentLost = -142, Noop = -141,
    AutoOffsetReset = -140, LogTruncation = -139, InvalidDifferentRecord = -138, DestroyBroker = -137,
    Unknown = -1, NoError = 0, OffsetOutOfRange = 1, InvalidMessage = 2, UnknownTopicOrPartition = 3,
    InvalidMessageSize = 4, LeaderNotAvailable = 5, NotLeaderForPartition = 6, RequestTimedOut = 7,
    BrokerNotAvailable = 8, ReplicaNotAvailable = 9, MessageSizeTooLarge = 10, StaleControllerEpoch = 11,
    OffsetMetadataTooLarge = 12, NetworkException = 13, CoordinatorLoadInProgress = 14,
    CoordinatorNotAvailable = 15, NotCoordinator = 16, InvalidTopic = 17, MessageBatchTooLarge = 18,
    NotEnoughReplicas = 19, NotEnoughReplicasAfterAppend = 20, InvalidRequiredAcks = 21, IllegalGeneration = 22,
    InconsistentGroupProtocol = 23, InvalidGroupId = 24, UnknownMemberId = 25, InvalidSessionTimeout = 26,
    RebalanceInProgress = 27, InvalidCommitOffsetSize = 28, TopicAuthorizationFailed = 29,
    GroupAuthorizationFailed = 30, ClusterAuthorizationFailed = 31, InvalidTimestamp = 32,
    UnsupportedSASLMechanism = 33, IllegalSASLState = 34, UnsupportedVersion = 35, TopicAlreadyExists = 36,
    InvalidPartitions = 37, InvalidReplicationFactor = 38, InvalidReplicaAssignment = 39, InvalidConfig = 40,
    NotController = 41, InvalidRequest = 42, UnsupportedForMessageFormat = 43, PolicyViolation = 44,
    OutOfOrderSequenceNumber = 45, DuplicateSequenceNumber = 46, InvalidProducerEpoch = 47,
    InvalidTransactionalState = 48, InvalidProducerIdMapping = 49, InvalidTransactionTimeout = 50,
    ConcurrentTransactions = 51, TransactionCoordinatorFenced = 52, TransactionalIdAuthorizationFailed = 53,
    SecurityDisabled = 54, OperationNotAttempted = 55, KafkaStorageError = 56, LogDirNotFound = 57,
    SaslAuthenticationFailed = 58, UnknownProducerId = 59, ReassignmentInProgress = 60,
    DelegationTokenAuthDisabled = 61, DelegationTokenNotFound = 62, DelegationTokenOwnerMismatch = 63,
    DelegationTokenRequestNotAllowed = 64, DelegationTokenAuthorizationFailed = 65, DelegationTokenExpired = 66,
    InvalidPrincipalType = 67, NonEmptyGroup = 68, GroupIdNotFound = 69, FetchSessionIdNotFound = 70,
    InvalidFetchSessionEpoch = 71, ListenerNotFound = 72, TopicDeletionDisabled = 73, FencedLeaderEpoch = 74,
    UnknownLeaderEpoch = 75, UnsupportedCompressionType = 76, StaleBrokerEpoch = 77, OffsetNotAvailable = 78,
    MemberIdRequired = 79, PreferredLeaderNotAvailable = 80, GroupMaxSizeReached = 81, FencedInstanceId = 82,
    EligibleLeadersNotAvailable = 83, ElectionNotNeeded = 84, NoReassignmentInProgress = 85,
    GroupSubscribedToTopic = 86, InvalidRecord = 87, UnstableOffsetCommit = 88, ThrottlingQuotaExceeded = 89,
    ProducerFenced = 90, ResourceNotFound = 91, DuplicateResource = 92, UnacceptableCredential = 93,
    InconsistentVoterSet = 94, InvalidUpdateVersion = 95, FeatureUpdateFailed = 96,
    PrincipalDeserializationFailure = 97, UnknownTopicId = 100, FencedMemberEpoch = 110, UnreleasedInstanceId = 111,
    UnsupportedAssignor = 112, StaleMemberEpoch = 113, UnknownSubscriptionId = 117, TelemetryTooLarge = 118,
    RebootstrapRequired = 129,
}

impl From<ErrorCode> for RDKafkaErrorCode {
    fn from(code: ErrorCode) -> RDKafkaErrorCode {
        RDKafkaErrorCode::from_number(i32::from(code.code()))
    }
}

impl fmt::Display for RDKafkaErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = i16::try_from(*self as i32).ok().and_then(ErrorCode::from_code);
        match known {
            Some(code) => write!(f, "{self:?} (Broker: {})", code.name()),
            None if (*self as i32) < -1 => write!(f, "{self:?} (Local)"),
            None => write!(f, "{self:?}"),
        }
    }
}

impl Error for RDKafkaErrorCode {}

/// What a rebalance callback is told. The real type has librdkafka's whole list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(non_camel_case_types, missing_docs, reason = "librdkafka's names")]
#[non_exhaustive]
pub enum RDKafkaRespErr {
    RD_KAFKA_RESP_ERR_NO_ERROR = 0,
    RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS = -175,
    RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS = -174,
}

impl From<RDKafkaRespErr> for RDKafkaErrorCode {
    fn from(err: RDKafkaRespErr) -> RDKafkaErrorCode {
        RDKafkaErrorCode::from_number(err as i32)
    }
}

/// How a setting was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(non_camel_case_types, missing_docs, reason = "librdkafka's names")]
pub enum RDKafkaConfRes {
    RD_KAFKA_CONF_UNKNOWN = -2,
    RD_KAFKA_CONF_INVALID = -1,
    RD_KAFKA_CONF_OK = 0,
}
