/* The boot sector of kvm_probe.py: real mode, page tables, long mode, 12 MiB written and read back, then the byte 16 to
   port 0xf4 (isa-debug-exit). Assemble: gcc -c kvm_probe.S -o s.o && ld -Ttext=0x7c00 --oformat binary -e _start s.o */
.code16
.globl _start
_start:
 cli
 xor %ax,%ax
 mov %ax,%ds
 mov %ax,%es
 mov %ax,%ss
 mov $0x7c00,%sp
 mov $0x1000,%di
 xor %eax,%eax
 mov $0x0c00,%cx
 cld
 rep stosl
 movl $0x2003,0x1000
 movl $0x3003,0x2000
 mov $0x3000,%di
 mov $0x83,%eax
 mov $8,%cx
1: mov %eax,(%di)
 add $0x200000,%eax
 add $8,%di
 loop 1b
 mov $0x20,%eax
 mov %eax,%cr4
 mov $0x1000,%eax
 mov %eax,%cr3
 mov $0xc0000080,%ecx
 rdmsr
 or $0x100,%eax
 wrmsr
 mov %cr0,%eax
 or $0x80000001,%eax
 mov %eax,%cr0
 lgdt gdtr
 ljmp $8,$long
.code64
long:
 mov $0x10,%eax
 mov %eax,%ds
 mov %eax,%es
 mov %eax,%ss
 mov $0x200000,%rdi
 mov $0xc00000/8,%rcx
 mov %rdi,%rax
 rep stosq
 cpuid
 mov $0x200000,%rsi
 mov $0xc00,%ecx
2: mov (%rsi),%rax
 cmp $0x200000,%rax
 jne 3f
 add $0x1000,%rsi
 loop 2b
 mov $0x10,%al
 mov $0xf4,%dx
 out %al,%dx
3: hlt
 jmp 3b
.balign 8
gdt: .quad 0
 .quad 0x00209a0000000000
 .quad 0x0000920000000000
gdtr: .word 23
 .long gdt
