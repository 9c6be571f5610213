//! Kafka's error codes (reference, appendix A).

use core::fmt;

macro_rules! error_codes {
    ($($(#[$doc:meta])* $variant:ident = $code:literal, $name:literal, $retry:ident;)*) => {
        /// An error code of Kafka's protocol. Success is the absence of an error, never a code.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(i16)]
        pub enum ErrorCode { $($(#[$doc])* #[doc = concat!("`", $name, "`")] $variant = $code,)* }

        impl ErrorCode {
            /// Every code that the model knows, in numeric order.
            pub const ALL: &'static [ErrorCode] = &[$(ErrorCode::$variant),*];

            /// The number on the wire.
            pub const fn code(self) -> i16 { self as i16 }

            /// Kafka's name of the code.
            pub const fn name(self) -> &'static str { match self { $(ErrorCode::$variant => $name,)* } }

            /// How a client may react (reference, appendix A).
            pub const fn retry(self) -> Retry { match self { $(ErrorCode::$variant => Retry::$retry,)* } }

            /// The code with that number.
            pub const fn from_code(code: i16) -> Option<ErrorCode> { match code { $($code => Some(ErrorCode::$variant),)* _ => None } }
        }
    };
}

/// Whether an error may be retried by the client that sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Not retriable.
    No,
    /// Retriable as it is.
    Yes,
    /// Retriable after refreshing metadata or the coordinator.
    AfterRefresh,
    /// "Application recoverable": needs a new producer or a rejoin.
    Application,
}

error_codes! {
    UnknownServerError = -1, "UNKNOWN_SERVER_ERROR", No;
    OffsetOutOfRange = 1, "OFFSET_OUT_OF_RANGE", No;
    CorruptMessage = 2, "CORRUPT_MESSAGE", Yes;
    UnknownTopicOrPartition = 3, "UNKNOWN_TOPIC_OR_PARTITION", AfterRefresh;
    LeaderNotAvailable = 5, "LEADER_NOT_AVAILABLE", AfterRefresh;
    NotLeaderOrFollower = 6, "NOT_LEADER_OR_FOLLOWER", AfterRefresh;
    RequestTimedOut = 7, "REQUEST_TIMED_OUT", Yes;
    MessageTooLarge = 10, "MESSAGE_TOO_LARGE", No;
    StaleControllerEpoch = 11, "STALE_CONTROLLER_EPOCH", No;
    OffsetMetadataTooLarge = 12, "OFFSET_METADATA_TOO_LARGE", No;
    NetworkException = 13, "NETWORK_EXCEPTION", AfterRefresh;
    CoordinatorLoadInProgress = 14, "COORDINATOR_LOAD_IN_PROGRESS", Yes;
    CoordinatorNotAvailable = 15, "COORDINATOR_NOT_AVAILABLE", AfterRefresh;
    NotCoordinator = 16, "NOT_COORDINATOR", AfterRefresh;
    InvalidTopic = 17, "INVALID_TOPIC_EXCEPTION", No;
    RecordListTooLarge = 18, "RECORD_LIST_TOO_LARGE", No;
    NotEnoughReplicas = 19, "NOT_ENOUGH_REPLICAS", Yes;
    NotEnoughReplicasAfterAppend = 20, "NOT_ENOUGH_REPLICAS_AFTER_APPEND", Yes;
    InvalidRequiredAcks = 21, "INVALID_REQUIRED_ACKS", No;
    IllegalGeneration = 22, "ILLEGAL_GENERATION", Application;
    InconsistentGroupProtocol = 23, "INCONSISTENT_GROUP_PROTOCOL", No;
    InvalidGroupId = 24, "INVALID_GROUP_ID", No;
    UnknownMemberId = 25, "UNKNOWN_MEMBER_ID", Application;
    InvalidSessionTimeout = 26, "INVALID_SESSION_TIMEOUT", No;
    RebalanceInProgress = 27, "REBALANCE_IN_PROGRESS", No;
    TopicAuthorizationFailed = 29, "TOPIC_AUTHORIZATION_FAILED", No;
    GroupAuthorizationFailed = 30, "GROUP_AUTHORIZATION_FAILED", No;
    ClusterAuthorizationFailed = 31, "CLUSTER_AUTHORIZATION_FAILED", No;
    UnsupportedVersion = 35, "UNSUPPORTED_VERSION", No;
    NotController = 41, "NOT_CONTROLLER", AfterRefresh;
    InvalidRequest = 42, "INVALID_REQUEST", No;
    UnsupportedForMessageFormat = 43, "UNSUPPORTED_FOR_MESSAGE_FORMAT", No;
    OutOfOrderSequenceNumber = 45, "OUT_OF_ORDER_SEQUENCE_NUMBER", No;
    DuplicateSequenceNumber = 46, "DUPLICATE_SEQUENCE_NUMBER", No;
    InvalidProducerEpoch = 47, "INVALID_PRODUCER_EPOCH", Application;
    InvalidTxnState = 48, "INVALID_TXN_STATE", No;
    InvalidProducerIdMapping = 49, "INVALID_PRODUCER_ID_MAPPING", Application;
    InvalidTransactionTimeout = 50, "INVALID_TRANSACTION_TIMEOUT", No;
    ConcurrentTransactions = 51, "CONCURRENT_TRANSACTIONS", Yes;
    TransactionCoordinatorFenced = 52, "TRANSACTION_COORDINATOR_FENCED", No;
    TransactionalIdAuthorizationFailed = 53, "TRANSACTIONAL_ID_AUTHORIZATION_FAILED", No;
    OperationNotAttempted = 55, "OPERATION_NOT_ATTEMPTED", No;
    KafkaStorageError = 56, "KAFKA_STORAGE_ERROR", AfterRefresh;
    UnknownProducerId = 59, "UNKNOWN_PRODUCER_ID", No;
    GroupIdNotFound = 69, "GROUP_ID_NOT_FOUND", No;
    FetchSessionIdNotFound = 70, "FETCH_SESSION_ID_NOT_FOUND", Yes;
    InvalidFetchSessionEpoch = 71, "INVALID_FETCH_SESSION_EPOCH", Yes;
    FencedLeaderEpoch = 74, "FENCED_LEADER_EPOCH", AfterRefresh;
    UnknownLeaderEpoch = 75, "UNKNOWN_LEADER_EPOCH", Yes;
    StaleBrokerEpoch = 77, "STALE_BROKER_EPOCH", No;
    OffsetNotAvailable = 78, "OFFSET_NOT_AVAILABLE", Yes;
    MemberIdRequired = 79, "MEMBER_ID_REQUIRED", No;
    GroupMaxSizeReached = 81, "GROUP_MAX_SIZE_REACHED", No;
    FencedInstanceId = 82, "FENCED_INSTANCE_ID", Application;
    InvalidRecord = 87, "INVALID_RECORD", No;
    UnstableOffsetCommit = 88, "UNSTABLE_OFFSET_COMMIT", Yes;
    ProducerFenced = 90, "PRODUCER_FENCED", Application;
    InvalidUpdateVersion = 95, "INVALID_UPDATE_VERSION", No;
    UnknownTopicId = 100, "UNKNOWN_TOPIC_ID", AfterRefresh;
    DuplicateBrokerRegistration = 101, "DUPLICATE_BROKER_REGISTRATION", No;
    BrokerIdNotRegistered = 102, "BROKER_ID_NOT_REGISTERED", No;
    InconsistentTopicId = 103, "INCONSISTENT_TOPIC_ID", AfterRefresh;
    TransactionalIdNotFound = 105, "TRANSACTIONAL_ID_NOT_FOUND", No;
    IneligibleReplica = 107, "INELIGIBLE_REPLICA", No;
    NewLeaderElected = 108, "NEW_LEADER_ELECTED", No;
    FencedMemberEpoch = 110, "FENCED_MEMBER_EPOCH", No;
    StaleMemberEpoch = 113, "STALE_MEMBER_EPOCH", No;
    TransactionAbortable = 120, "TRANSACTION_ABORTABLE", No;
}

impl ErrorCode {
    /// Whether a client retries a request that was answered so.
    pub const fn is_retriable(self) -> bool {
        matches!(self.retry(), Retry::Yes | Retry::AfterRefresh)
    }

    /// Whether a client refreshes its metadata (or looks up its coordinator again) before it retries.
    pub const fn needs_refresh(self) -> bool {
        matches!(self.retry(), Retry::AfterRefresh)
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({})", self.name(), self.code())
    }
}

impl core::str::FromStr for ErrorCode {
    type Err = String;

    /// Reads Kafka's name or the number.
    fn from_str(text: &str) -> Result<ErrorCode, String> {
        let by_number = text.parse::<i16>().ok().and_then(ErrorCode::from_code);
        by_number
            .or_else(|| ErrorCode::ALL.iter().copied().find(|e| e.name() == text))
            .ok_or_else(|| format!("'{text}' is no error code that the model knows"))
    }
}
