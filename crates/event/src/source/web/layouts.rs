//! The usual layouts of other servers and of load balancers, as data: nginx's words for what stands where. A field
//! without quotes is one word, so that no layout takes what is another's.
//!
//! Sources: AWS, "Access logs for your Application Load Balancer", "… Classic Load Balancer", "Amazon S3 server access log
//! format"; Envoy and Istio, "Access logging"; HAProxy, configuration manual section 8.2; Squid, `logformat squid`; Traefik,
//! "CLF"; lighttpd, `accesslog.format`; Nginx Proxy Manager, `log_format proxy`; uvicorn; Django's `runserver`.

use super::{LineFormat, Server, W3c, Web, overrides};
use crate::fields::{Clock, Column, Unit};
use crate::source::Format;
use crate::{Context, EventError};

/// One layout.
struct Layout {
    /// As custody names it.
    name: &'static str,
    /// Where fields stand, in nginx's words and those of [`column`].
    words: &'static str,
}

const fn layout(name: &'static str, words: &'static str) -> Layout {
    Layout { name, words }
}

/// Those that are known. Among layouts that fit as many lines, the earlier one is the more particular.
const LAYOUTS: &[Layout] = &[
    layout(
        "web (Application Load Balancer)",
        r#"$type $time $elb $remote_addr:$remote_port $target $request_processing_time $duration $response_processing_time $status $target_status_code $received_bytes $bytes "$request" "$http_user_agent" $ssl_cipher $ssl_protocol $target_group_arn "$trace_id" $more"#,
    ),
    layout(
        "web (Classic Load Balancer)",
        r#"$time $elb $remote_addr:$remote_port $backend $request_processing_time $duration $response_processing_time $status $backend_status_code $received_bytes $bytes "$request" "$http_user_agent" $ssl_cipher $ssl_protocol"#,
    ),
    layout(
        "web (S3)",
        r#"$bucket_owner $bucket [$time_local] $remote_addr $remote_user $request_id $operation $key "$request" $status $error_code $bytes $object_size $duration_ms $turn_around_time "$http_referer" "$http_user_agent" $more"#,
    ),
    layout(
        "web (Traefik)",
        r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" $request_count "$router" "$server_url" ${duration_ms}ms"#,
    ),
    layout("web (lighttpd)", r#"$remote_addr $virtual_host $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent""#),
    layout(
        "web (Nginx Proxy Manager)",
        r#"[$time_local] $upstream_cache_status $upstream_status_code $status - $request_method $scheme $host "$request_uri" [Client $remote_addr] [Length $body_bytes_sent] [Gzip $gzip_ratio] [Sent-to $sent_to] "$http_user_agent" "$http_referer""#,
    ),
    layout(
        "web (Envoy)",
        r#"[$time] "$request" $status $response_flags $received_bytes $bytes $duration_ms $upstream_service_time "$http_x_forwarded_for" "$http_user_agent" "$request_id" "$host" "$upstream_host""#,
    ),
    layout(
        "web (Istio)",
        r#"[$time] "$request" $status $response_flags $response_code_details $connection_termination_details "$upstream_transport_failure_reason" $received_bytes $bytes $duration_ms $upstream_service_time "$http_x_forwarded_for" "$http_user_agent" "$request_id" "$host" "$upstream_host" $upstream_cluster $upstream_local_address $downstream_local_address $remote_addr $requested_server_name $route_name"#,
    ),
    layout(
        "web (HAProxy)",
        r#"$remote_addr:$remote_port [$time] $frontend $backend/$server $queue_time/$wait_time/$connect_time/$response_time/$duration_ms $status $bytes $request_cookie $response_cookie $termination_state $connections $queues "$request""#,
    ),
    layout(
        "web (HAProxy)",
        r#"$remote_addr:$remote_port [$time] $frontend $backend/$server $queue_time/$wait_time/$connect_time/$response_time/$duration_ms $status $bytes $request_cookie $response_cookie $termination_state $connections $queues {$captures} "$request""#,
    ),
    layout("web (Squid)", "$time $padded_ms $remote_addr $result/$status $bytes $request_method $request_uri $remote_user $hierarchy $content_type"),
    layout("web (uvicorn)", r#"INFO:     $remote_addr:$remote_port - "$request" $status $more"#),
    layout("web (uvicorn)", r#"$remote_addr:$remote_port - "$request" $status"#),
    layout("web (Django)", r#"[$time_local] "$request" $status $bytes"#),
];

/// Opens an access log that is written in one of the usual layouts, or declares its fields itself.
///
/// # Errors
/// If the estate describes the source wrongly.
pub fn open<'c>(context: &Context<'c>, head: &[u8]) -> Result<Box<dyn Format + 'c>, EventError> {
    let declared = context.source.log_format.as_deref().map(str::trim).filter(|text| !text.is_empty());
    if declared.is_some() || W3c::recognises(head) {
        return Ok(Box::new(W3c::new(context, declared)?));
    }
    let overrides = overrides(context.source);
    let mut formats = Vec::new();
    for layout in LAYOUTS {
        let compiled = LineFormat::compile(Server::Nginx, layout.words, Some(layout.name), &overrides);
        formats.push(compiled.map_err(|reason| EventError::Configuration { source_id: context.source.id.clone(), reason })?);
    }
    let mut web = Web::new("web", Clock::of(context)?, formats, head);
    if web.fits {
        web.name = web.formats.first().and_then(|format| format.layout).unwrap_or("web");
    }
    Ok(Box::new(web))
}

/// The column of a word that nginx has not.
pub(super) fn column(name: &str) -> Option<Column> {
    Some(match name {
        "time" => Column::Time,
        "duration" => Column::Duration(Unit::Seconds),
        "duration_ms" | "padded_ms" => Column::Duration(Unit::Millis),
        "bytes" => Column::BytesOrDash,
        "virtual_host" => Column::Label("host".to_owned()),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_layout_can_be_compiled() {
        for layout in LAYOUTS {
            assert!(LineFormat::compile(Server::Nginx, layout.words, Some(layout.name), &[]).is_ok(), "{}", layout.name);
        }
    }
}
