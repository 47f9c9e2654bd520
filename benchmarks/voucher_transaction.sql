-- What a redemption reads and writes, one transaction each, as pgbench runs it. The variables are set by the benchmark.
\set one random(1, :vouchers)
begin;
select k.*, l.state, l.clone_suspected_at, c.id as credential from session_key k
  join link l on l.id = k.link_id
  left join link_credential c on c.link_id = l.id and c.thumbprint = k.thumbprint
  where k.id = :session and k.until > now();
select l.id, l.country, s.* from location l
  left join voucher_location v on v.location_id = l.id left join voucher_system s on s.id = v.system_id
  where l.id = :location;
select * from voucher_guessing where location_id = :location and until > now() for update;
select md5(random()::text) as operation, md5(random()::text) as entry \gset
select * from voucher_operation where location_id = :location and key = :operation;
select v.id as voucher, v.seq as seq, v.balance as balance from voucher v
  where v.system_id = :system and v.number = (select number from bench_number where id = :one)
  for no key update \gset
select id as lot from ledger_lot where voucher_id = :voucher and remaining > 0 order by loaded_at, seq limit 1 \gset
insert into voucher_operation (id, location_id, key, kind, body_mac, state, voucher_id, taken, transaction_ref, status,
    answer, created_at)
  values (:operation, :location, :operation, 'redeem', decode(repeat('ab', 32), 'hex'), 'interim', :voucher, 1,
    'r-1', 200, decode(repeat('7b', 180), 'hex'), now());
insert into ledger_entry (id, voucher_id, seq, kind, amount, balance_after, location_id, transaction_ref, operation_id,
    business_day, booked_at)
  values (:entry, :voucher, :seq + 1, 'redeem', -1, :balance - 1, :location, 'r-1', :operation, '2026-11-22',
    now());
insert into ledger_allocation (entry_id, lot_id, amount) values (:entry, :lot, 1);
update ledger_lot set remaining = remaining - 1 where id = :lot and remaining >= 1;
update voucher set balance = balance - 1, seq = seq + 1, last_activity = now()
  where id = :voucher and seq = :seq and balance = :balance;
commit;
