REPORT z_rohrpost_send.
* Puts an email into a queue. ROHRPOST is a destination of type G (SM59) that leads to the API.
CONSTANTS: queue TYPE string VALUE `acme/billing`,
           key   TYPE string VALUE `...`.  " keep it in the secure store

cl_http_client=>create_by_destination( EXPORTING destination = 'ROHRPOST'
                                       IMPORTING client      = DATA(client) ).
cl_http_utility=>set_request_uri( request = client->request
                                  uri     = |/v1/queues/{ queue }/emails| ).
client->request->set_method( if_http_request=>co_request_method_post ).
client->request->set_header_field( name = 'Authorization'   value = |Bearer { key }| ).
client->request->set_header_field( name = 'Content-Type'    value = 'application/json' ).
client->request->set_header_field( name = 'Idempotency-Key' value = 'invoice-114-abap' ). " makes a repetition harmless
client->request->set_cdata(
  `{"to": "Ann <ann@example.org>", "subject": "Invoice 114 (ABAP)", "text": "Dear Ann, ..."}` ).

client->send( EXCEPTIONS OTHERS = 1 ).
IF sy-subrc = 0.
  client->receive( EXCEPTIONS OTHERS = 1 ).
ENDIF.
IF sy-subrc <> 0.
  client->get_last_error( IMPORTING message = DATA(text) ).
  client->close( ).
  MESSAGE |No answer: { text }. Run it again with the same Idempotency-Key.| TYPE 'E'.
ENDIF.

client->response->get_status( IMPORTING code = DATA(status) ).
DATA(answer) = client->response->get_cdata( ).
client->close( ).
CASE status.
  WHEN 202.
    WRITE: / 'accepted:', answer.
  WHEN 429 OR 503 OR 507.
    WRITE: / 'later, with the same Idempotency-Key:', answer.
  WHEN OTHERS.
    WRITE: / 'refused:', answer.
ENDCASE.
