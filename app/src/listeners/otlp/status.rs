//! What an exporter is told, in the words of each of its protocols: done, done in part, try again, do not.

use super::decode::{Form, Signal};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use prost::Message;
use serde_json::json;

/// How soon an exporter that was turned away may come again.
const RETRY_S: i64 = 1;

/// `google.rpc.Status`.
#[derive(Clone, PartialEq, Message)]
struct RpcStatus {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<Detail>,
}

/// `google.protobuf.Any`.
#[derive(Clone, PartialEq, Message)]
struct Detail {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

/// `google.rpc.RetryInfo` with its `google.protobuf.Duration`.
#[derive(Clone, PartialEq, Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    retry_delay: Option<Delay>,
}

#[derive(Clone, PartialEq, Message)]
struct Delay {
    #[prost(int64, tag = "1")]
    seconds: i64,
}

/// The answer to an export: the three signals' messages are the same but for a name in JSON.
#[derive(Clone, PartialEq, Message)]
struct Answer {
    #[prost(message, optional, tag = "1")]
    partial_success: Option<Partial>,
}

#[derive(Clone, PartialEq, Message)]
struct Partial {
    #[prost(int64, tag = "1")]
    rejected: i64,
    #[prost(string, tag = "2")]
    error_message: String,
}

/// Why an export was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// magia has too much to do: try again.
    Busy,
    /// Not what it says it is.
    Garbage(String),
    /// Larger than is taken.
    TooLarge,
    /// It took too long to arrive.
    Slow,
    /// Neither protobuf nor JSON, or packed in an unknown way.
    Unsupported(&'static str),
    /// A web page, or a name that is not ours.
    Foreign(&'static str),
    /// magia is ending.
    Gone,
}

impl Refused {
    const fn status(&self) -> StatusCode {
        match self {
            Self::Busy | Self::Gone => StatusCode::SERVICE_UNAVAILABLE,
            Self::Garbage(_) => StatusCode::BAD_REQUEST,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Slow => StatusCode::REQUEST_TIMEOUT,
            Self::Unsupported(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Foreign(_) => StatusCode::FORBIDDEN,
        }
    }

    const fn code(&self) -> tonic::Code {
        match self {
            Self::Busy | Self::TooLarge => tonic::Code::ResourceExhausted,
            Self::Garbage(_) | Self::Unsupported(_) => tonic::Code::InvalidArgument,
            Self::Slow => tonic::Code::DeadlineExceeded,
            Self::Foreign(_) => tonic::Code::PermissionDenied,
            Self::Gone => tonic::Code::Unavailable,
        }
    }

    fn message(&self) -> String {
        match self {
            Self::Busy => "magia has too much to do; try again".to_owned(),
            Self::Garbage(why) => why.clone(),
            Self::TooLarge => "the export is larger than magia takes".to_owned(),
            Self::Slow => "the export did not arrive in time".to_owned(),
            Self::Unsupported(why) | Self::Foreign(why) => (*why).to_owned(),
            Self::Gone => "magia is ending".to_owned(),
        }
    }

    fn rpc(&self) -> RpcStatus {
        let retry = RetryInfo { retry_delay: Some(Delay { seconds: RETRY_S }) };
        let retry = Detail {
            type_url: "type.googleapis.com/google.rpc.RetryInfo".to_owned(),
            value: retry.encode_to_vec(),
        };
        RpcStatus {
            code: self.code() as i32,
            message: self.message(),
            // Without it an exporter takes "exhausted" for a final word.
            details: if *self == Self::Busy { vec![retry] } else { Vec::new() },
        }
    }

    /// As gRPC says it.
    pub(super) fn grpc(&self) -> tonic::Status {
        tonic::Status::with_details(self.code(), self.message(), self.rpc().encode_to_vec().into())
    }

    /// As HTTP says it.
    pub(super) fn http(&self, form: Form) -> Response {
        let body = match form {
            Form::Proto => self.rpc().encode_to_vec(),
            Form::Json => json!({ "code": self.code() as i32, "message": self.message() }).to_string().into(),
        };
        let mut answer = (self.status(), content_type(form), body).into_response();
        if *self == Self::Busy {
            answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(RETRY_S));
        }
        answer
    }
}

/// An export was taken, `rejected` items of it apart, as HTTP says it.
pub(super) fn taken(signal: Signal, form: Form, rejected: u64, why: &str) -> Response {
    let body = match form {
        Form::Proto => {
            let partial = Partial { rejected: rejected.cast_signed(), error_message: why.to_owned() };
            Answer { partial_success: (rejected > 0).then_some(partial) }.encode_to_vec()
        }
        Form::Json if rejected == 0 => b"{}".to_vec(),
        Form::Json => {
            // 64-bit numbers are texts in this JSON.
            let count = rejected.to_string();
            let partial = json!({ signal.rejected_field(): count, "errorMessage": why });
            json!({ "partialSuccess": partial }).to_string().into()
        }
    };
    (content_type(form), body).into_response()
}

fn content_type(form: Form) -> [(header::HeaderName, HeaderValue); 1] {
    [(header::CONTENT_TYPE, HeaderValue::from_static(form.content_type()))]
}
