/**
 * What PCI numbers mean in words: classes, and the vendors that are met in such machines. Numbers that are not here
 * stay numbers.
 */

/** By class and subclass, else by class. @type {Record<number, string>} */
const SUBCLASSES = {
  0x0100: "SCSI controller", 0x0101: "IDE controller", 0x0104: "RAID controller", 0x0106: "SATA controller",
  0x0107: "SAS controller", 0x0108: "NVMe disk", 0x0200: "Ethernet adapter", 0x0207: "InfiniBand adapter",
  0x0280: "Network adapter", 0x0300: "Graphics card", 0x0302: "3D accelerator", 0x0380: "Display controller",
  0x0401: "Audio device", 0x0403: "Audio device", 0x0580: "Memory controller", 0x0600: "Host bridge",
  0x0601: "ISA bridge", 0x0604: "PCI bridge", 0x0680: "Bridge", 0x0700: "Serial port",
  0x0780: "Communication controller", 0x0800: "Interrupt controller", 0x0806: "IOMMU", 0x0880: "System device",
  0x0c03: "USB controller", 0x0c04: "Fibre Channel adapter", 0x0c05: "SMBus", 0x0d80: "Wireless adapter",
  0x1080: "Encryption controller", 0x1180: "Signal processing",
};
/** @type {Record<number, string>} */
const CLASSES = {
  0x00: "Device", 0x01: "Storage controller", 0x02: "Network adapter", 0x03: "Display controller",
  0x04: "Multimedia device", 0x05: "Memory controller", 0x06: "Bridge", 0x07: "Communication controller",
  0x08: "System device", 0x09: "Input device", 0x0b: "Processor", 0x0c: "Serial bus controller",
  0x0d: "Wireless adapter", 0x10: "Encryption controller", 0x11: "Signal processing",
  0x12: "Processing accelerator",
};
/** @type {Record<number, string>} */
const VENDORS = {
  0x1000: "Broadcom / LSI", 0x1002: "AMD", 0x1022: "AMD", 0x102b: "Matrox", 0x104c: "Texas Instruments",
  0x10b5: "PLX", 0x10de: "NVIDIA", 0x10ec: "Realtek", 0x11ab: "Marvell", 0x1234: "QEMU", 0x126f: "Silicon Motion",
  0x144d: "Samsung", 0x14e4: "Broadcom", 0x15b3: "Mellanox", 0x15b7: "SanDisk", 0x168c: "Qualcomm Atheros",
  0x1912: "Renesas", 0x1987: "Phison", 0x1a03: "ASPEED", 0x1af4: "Red Hat virtio", 0x1b21: "ASMedia",
  0x1b36: "Red Hat QEMU", 0x1b4b: "Marvell", 0x1c5c: "SK hynix", 0x1cc1: "ADATA", 0x1e0f: "KIOXIA",
  0x1fc9: "Aquantia", 0x8086: "Intel", 0xc0a9: "Micron",
};
/** @type {Record<number, string>} by vendor and device */
const MODELS = {
  0x80861533: "I210", 0x80861521: "I350", 0x808615f3: "I225-V", 0x8086125b: "I226-V", 0x80861572: "X710",
  0x808610fb: "82599ES", 0x80861563: "X550", 0x80862922: "ICH9 AHCI", 0x808610d3: "82574L", 0x8086100e: "82540EM",
  0x10ec8168: "RTL8111/8168", 0x10ec8125: "RTL8125", 0x15b31015: "ConnectX-4 Lx", 0x15b31017: "ConnectX-5",
  0x1af41000: "network", 0x1af41041: "network", 0x1af41001: "disk", 0x1af41042: "disk",
  0x1af41110: "shared memory (ivshmem)",
};

const BRIDGE = 0x0604;

/** @param {number} pciClass as configuration space has it, 24 bits */
export function classWord(pciClass) {
  return SUBCLASSES[pciClass >> 8] ?? CLASSES[pciClass >> 16] ?? `Class ${hex(pciClass >> 8)}`;
}

/**
 * The vendor by its short name where there is one, the model as the host names it, else as it is named here.
 * @param {import("./device_links.js").Device} device
 */
export function modelWord({ vendor, device, vendor_name, device_name }) {
  const model = device_name ?? MODELS[vendor * 0x10000 + device];
  return `${VENDORS[vendor] ?? vendor_name ?? hex(vendor)} ${model ?? hex(device)}`;
}

/** Vendor and device, or vendor and product of a USB device. @param {number} vendor @param {number} device */
export function idText(vendor, device) {
  return `${hex(vendor)}:${hex(device)}`;
}

/**
 * The card that a device is on: a name, else numbers; empty where it tells none.
 * @param {import("./device_links.js").Device} device
 */
export function subsystemWord({ subsystem_vendor, subsystem_device, subsystem_name }) {
  if (!subsystem_vendor) return "";
  return subsystem_name ?? `${VENDORS[subsystem_vendor] ?? hex(subsystem_vendor)} ${hex(subsystem_device ?? 0)}`;
}

/** A PCI bridge: in a group with what is behind it, and not given away with it. @param {{pci_class: number}} device */
export function isBridge(device) {
  return device.pci_class >> 8 === BRIDGE;
}

/** Any bridge, the host's own among them: part of the machine. @param {{pci_class: number}} device */
export function isOfMachine(device) {
  return device.pci_class >> 16 === BRIDGE >> 8;
}

/** As guests name it. @param {{vendor: number, product: number}} one */
export function usbAddress(one) {
  return `usb:${idText(one.vendor, one.product)}`;
}

/** @param {number} number */
function hex(number) {
  return number.toString(16).padStart(4, "0");
}
